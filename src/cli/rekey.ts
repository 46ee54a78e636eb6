import { existsSync } from 'node:fs'
import { getTableName } from 'drizzle-orm'
import { DATABASE_SETTINGS, databaseUrlOf } from '../config/database.ts'
import { postgresOf } from '../opening.ts'
import { Problem } from '../protocol/problem.ts'
import { receiptText } from '../protocol/receipt-facts.ts'
import { bytesOf } from '../protocol/secret.ts'
import type { Config } from '../settings.ts'
import { type Place, tagOf } from '../store/fields.ts'
import { readKeyFile, setKeyFileAside } from '../store/key-file.ts'
import { deriveKeys, KeyFault } from '../store/keys.ts'
import { openDatabase, sqlitePathOf } from '../store/open.ts'
import { isInForce, rekey as replace } from '../store/rekey.ts'
import type { Progress } from '../store/resealing.ts'
import { receipts as receiptRows } from '../store/schema.ts'
import { type Store, StoreFault } from '../store/store.ts'
import type { Agent } from '../tee/agent.ts'
import { keptSigned } from '../tee/kept-receipt.ts'
import { type AgentKeys, agentKeys } from '../tee/keys.ts'
import { signingKeys } from '../tee/signing.ts'
import { rootsIn } from '../upstream/roots.ts'

/** The settings that it reads. */
export const REKEY_SETTINGS = [
  ...DATABASE_SETTINGS,
  'CA_FILE',
  'DATA_KEY',
  'DATA_KEY_PREVIOUS',
  'IDENTITY_HASH_KEY',
  'DEV_MODE',
  'ALLOW_ENV',
  'TEE',
  'DSTACK_SIMULATOR_ENDPOINT',
] as const

type Given = Pick<Config, (typeof REKEY_SETTINGS)[number]>

const EVERY_MS = 1000
// It does one thing at a time, and to count what is left may read all that is sealed: 50,000 settings took a second.
const POSTGRES = { connections: 1, statementMs: 600_000 }

/**
 * Seals a database anew under `DATA_KEY`, else the key of this agent, in place of `DATA_KEY_PREVIOUS`, else the agent's,
 * else the one in the file beside the database; says how far it is and, in the end, what to do.
 * @throws KeyFault, StoreFault or TeeFault; run again it goes on where it was.
 */
export async function rekey(given: Given, agent: Agent | undefined, say: Say): Promise<void> {
  const url = databaseUrlOf(given)
  const path = sqlitePathOf(url)
  const roots = await chosen(given, agent, path)
  if (path !== undefined && !existsSync(path)) throw new StoreFault(`There is no database ${path}: check DATABASE_URL.`)
  const store = await openDatabase(url, { ...postgresOf(given, { roots: rootsIn(given.CA_FILE) }), ...POSTGRES })
  // Closed, all of it is on the disk before the old key is put aside.
  const end = await resealed(store, roots, say).finally(() => store.close())
  say(`rekey: ${end} ${roots.next}${roots.isBeside ? setAside(path, roots.root) : ''}`)
}

interface Roots {
  root: Uint8Array
  /** What the key to come is called. */
  name: string
  previous: () => Uint8Array
  /** What receipts were signed by, where it does not derive from that one. */
  receipts: AgentKeys['receipts'] | undefined
  /** Whether the key in force is the one in the file beside the database. */
  isBeside: boolean
  identityKey: Uint8Array | undefined
  /** What to do in the end. */
  next: string
}

async function chosen(given: Given, agent: Agent | undefined, path: string | undefined): Promise<Roots> {
  const [dataKey, keyBefore] = [bytesOf(given.DATA_KEY), bytesOf(given.DATA_KEY_PREVIOUS)]
  const ofAgent = agent && !(dataKey && keyBefore) ? await agentKeys(agent) : undefined
  const agentKey = ofAgent?.root
  const [root, previous] = [dataKey ?? agentKey, keyBefore ?? (dataKey && agentKey)]
  if (!root) throw new KeyFault(NO_KEY)
  if (previous && Buffer.compare(root, previous) === 0)
    throw new KeyFault('DATA_KEY_PREVIOUS and the key to come are the same: give a new one as DATA_KEY.')
  return {
    root,
    name: dataKey ? 'DATA_KEY' : 'the key of this TEE',
    previous: () => previous ?? keyBeside(path, agent !== undefined),
    receipts: previous === agentKey ? ofAgent?.receipts : undefined,
    isBeside: !previous && !agent,
    identityKey: bytesOf(given.IDENTITY_HASH_KEY),
    next: !dataKey ? TO_AGENT : agentKey ? FROM_AGENT : TO_DATA_KEY,
  }
}

/** What came of it, in words. */
async function resealed(store: Store, { previous: old, receipts, name, ...keys }: Roots, say: Say): Promise<string> {
  try {
    if (store.isNew) throw new StoreFault('The database is empty: there is nothing to rekey. Check DATABASE_URL.')
    if (await isInForce(store, keys)) return `nothing to do, ${name} is in force.`
    const previous = old()
    const leaving = signed(receipts ?? deriveKeys({ root: previous, overrides: {} }))
    const { isCompact } = await replace({ store, ...keys, previous, report: paced(say), leaving })
    return isCompact ? 'done.' : `done. ${NOT_COMPACT}`
  } catch (error) {
    throw error instanceof Problem ? interrupted(error) : error
  }
}

/** Signs receipts, for their key goes with the root. */
function signed(seeds: AgentKeys['receipts']): (place: Place, text: string) => string {
  const { ed25519 } = signingKeys(seeds)
  return ({ table, row }, text) => {
    if (table !== getTableName(receiptRows)) return text
    try {
      return keptSigned(receiptText(row, text), ed25519)
    } catch (cause) {
      throw new StoreFault(
        `The receipt ${row} was not signed yet, and the key that it names is not the one that goes with the previous root: restore it from a copy or delete it, then run \`sealgate rekey\` again.`,
        { cause },
      )
    }
  }
}

type Say = (line: string) => void

/** Says how far it is once a second, and when a table is done. */
function paced(say: Say): (progress: Progress) => void {
  let last = performance.now()
  return ({ table, done, of }) => {
    if (done < of && performance.now() - last < EVERY_MS) return
    last = performance.now()
    say(`rekey: ${table} ${done.toLocaleString('en')} of ${of.toLocaleString('en')}`)
  }
}

function keyBeside(path: string | undefined, isTee: boolean): Uint8Array {
  const needed = 'The key in force is needed: give it as DATA_KEY_PREVIOUS'
  if (path === undefined) throw new KeyFault(`${needed}.`)
  if (isTee) throw new KeyFault(`${needed}, also if it is ${path}.key, for no key file is looked for in a TEE.`)
  const key = readKeyFile(`${path}.key`)
  if (!key) throw new KeyFault(`${needed}, for there is no ${path}.key.`)
  return key
}

/** Puts the key file aside, if it holds another key than the one in force; says so. */
function setAside(path: string | undefined, root: Uint8Array): string {
  const beside = path === undefined ? undefined : readKeyFile(`${path}.key`)
  if (!beside || Buffer.compare(beside, root) === 0) return ''
  const { fields } = deriveKeys({ root: beside, overrides: {} })
  return ` The old key file is ${setKeyFileAside(`${path}.key`, tagOf(fields))} now.`
}

const NO_KEY =
  'DATA_KEY is required, the key to come, for there is no guest agent of a TEE that gives one: `openssl rand -hex 32` makes one.'
const TO_DATA_KEY =
  'Start sealgate with DATA_KEY alone; DATA_KEY_PREVIOUS may go, but older copies of the database need it.'
const TO_AGENT =
  'Start sealgate in this TEE without DATA_KEY; DATA_KEY_PREVIOUS may go, but older copies of the database need it.'
const FROM_AGENT =
  'Start sealgate with DATA_KEY, in a TEE or outside; older copies of the database open in this application alone.'
const NOT_COMPACT =
  'What was overwritten may still stand in its file, for it could not be written anew: run VACUUM, in PostgreSQL VACUUM FULL.'

function interrupted(cause: Problem): StoreFault {
  return new StoreFault(
    'The database stopped answering: look at its disk and run `sealgate rekey` again; it goes on where it was.',
    { cause },
  )
}

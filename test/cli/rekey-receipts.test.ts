import { expect, test } from 'bun:test'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { REKEY_SETTINGS, rekey } from '../../src/cli/rekey.ts'
import { readConfig } from '../../src/config.ts'
import { standInAgent } from '../../src/dev/agent.ts'
import { receiptText } from '../../src/protocol/receipt-facts.ts'
import { fields } from '../../src/store/fields.ts'
import { deriveKeys } from '../../src/store/keys.ts'
import { receipts } from '../../src/store/schema.ts'
import { StoreFault } from '../../src/store/store.ts'
import { type Agent, agent } from '../../src/tee/agent.ts'
import { keptSigned } from '../../src/tee/kept-receipt.ts'
import { agentKeys } from '../../src/tee/keys.ts'
import { type SigningKey, signingKeys } from '../../src/tee/signing.ts'
import { freshDirectory } from '../kit/directory.ts'
import { faultOf, hex, key, open } from '../kit/opening.ts'

const [OLD, NEW, THIRD] = [key(1), key(2), key(3)]
const PLACE = { table: 'receipts', column: 'content', row: 'rcpt_1' }
const directory = freshDirectory()
let copies = 0

const derived = (root: Uint8Array) => signingKeys(deriveKeys({ root, overrides: {} })).ed25519
const textBy = ({ publicKey }: SigningKey) => JSON.stringify({ key: { public_key: publicKey } })
const signedBy = (key: SigningKey) => keptSigned(textBy(key), key)

/** A copy of a database: bun:sqlite has each open until it has collected its statements. */
function copy(path: string): string {
  const other = join(directory, `${++copies}.db`)
  copyFileSync(path, other)
  return other
}

/** A database with a receipt that names a key, and that nobody asked for. */
async function keeping(dataKey: Uint8Array, key: SigningKey, text = textBy(key)): Promise<string> {
  const path = join(directory, `${++copies}.db`)
  const { store, keys } = await open(`sqlite:${path}`, { dataKey })
  const row = { id: PLACE.row, owner: 'j_ada', content: fields(keys.fields).seal(PLACE, text) }
  await store.db.insert(receipts).values(row).prepare().execute()
  await store.close()
  return copy(path)
}

/** What is kept of that receipt. */
async function kept(path: string, dataKey: Uint8Array): Promise<string> {
  const { store, keys } = await open(`sqlite:${copy(path)}`, { dataKey })
  const [row] = await store.db.select().from(receipts).prepare().execute()
  await store.close()
  return fields(keys.fields).open(PLACE, row?.content ?? '')
}

function replace(path: string, given: { to?: Uint8Array; from?: Uint8Array }, tee?: Agent): Promise<void> {
  const env: Record<string, string> = { DATABASE_URL: `sqlite:${path}` }
  if (given.to) env['DATA_KEY'] = hex(given.to)
  if (given.from) env['DATA_KEY_PREVIOUS'] = hex(given.from)
  const { config } = readConfig({ env, argv: ['rekey'], readFile: () => '', only: REKEY_SETTINGS })
  return rekey(config, tee, () => undefined)
}

test('a rekey signs receipts by the key that goes, and the next one leaves them so', async () => {
  const path = await keeping(OLD, derived(OLD))
  await replace(path, { to: NEW, from: OLD })
  expect(await kept(path, NEW)).toBe(signedBy(derived(OLD)))
  const next = copy(path)
  await replace(next, { to: THIRD, from: NEW })
  expect(await kept(next, THIRD)).toBe(signedBy(derived(OLD)))
})

test('of one that is kept as facts it signs the text that they have', async () => {
  const by = derived(OLD)
  const body = [0, '', true]
  const epochAndKey = [1, Buffer.from(by.publicKey, 'hex').toString('base64url')]
  const facts = [null, null, 0, 'complete', null, epochAndKey, 'GET', null, 0, body, body, '', '', '', 200]
  const path = await keeping(OLD, by, JSON.stringify(facts))
  await replace(path, { to: NEW, from: OLD })
  expect(await kept(path, NEW)).toBe(keptSigned(receiptText(PLACE.row, JSON.stringify(facts)), by))
})

test('a rekey into a TEE signs them by the key of DATA_KEY, and out of it by the agent’s', async () => {
  const tee = agent(standInAgent({ seed: 'ours' }).reach)
  const { root, receipts } = await agentKeys(tee)
  const into = await keeping(OLD, derived(OLD))
  await replace(into, { from: OLD }, tee)
  expect(await kept(into, root)).toBe(signedBy(derived(OLD)))
  const own = signingKeys(receipts).ed25519
  const out = await keeping(root, own)
  await replace(out, { to: NEW }, tee)
  expect(await kept(out, NEW)).toBe(signedBy(own))
})

test('a rekey signs none that names another key: it says which, and writes nothing', async () => {
  const path = await keeping(OLD, derived(THIRD))
  const fault = await faultOf(replace(path, { to: NEW, from: OLD }))
  expect(fault).toBeInstanceOf(StoreFault)
  expect(fault.message).toStartWith('The receipt rcpt_1 was not signed yet')
  expect(await kept(path, OLD)).toBe(textBy(derived(THIRD)))
})

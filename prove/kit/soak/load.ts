import { checkReceipt } from '../../../src/verify/receipt.ts'
import type { Gateway } from '../claim.ts'
import type { Kind } from '../enclave-with-books.ts'
import { asked, type Manner, type Told } from './asking.ts'
import { type rotatingIssuer, WRONGS } from './issuer.ts'

const CALLERS = 40
const AT_ONCE = 16
const PAUSE_MS = 400
const TOKEN_MS = 60_000
const AGAIN_MS = 200
/** What one caller may send: a number tells whose it is, and which. */
export const EACH = 100_000
/** Bytes of a body besides one for each request of its caller before it. */
export const LEAST_BYTES = 100

/** What is sent, of a hundred; `refused` never reaches the enclave, and `wrong token` nobody. */
type Way = Kind | 'refused' | 'wrong token'
const MIX: readonly (readonly [share: number, way: Way, manner: Manner])[] = [
  [45, 'json', 'usual'],
  [20, 'stream', 'usual'],
  [10, 'cut', 'usual'],
  [5, 'broken', 'usual'],
  [4, 'busy', 'usual'],
  [3, 'unreadable', 'usual'],
  [2, 'large', 'reads slowly'],
  [5, 'json', 'writes slowly'],
  [2, 'refused', 'usual'],
  [4, 'wrong token', 'usual'],
]

/** What the whole load came to. */
export interface Outcome {
  readonly counts: Map<string, number>
  /** What nobody documents, as text. */
  readonly strange: string[]
  /** Receipts that hold, and how those do not that do not. */
  held: number
  readonly unheld: string[]
}

interface Deps {
  readonly gateway: Gateway
  readonly issuer: Awaited<ReturnType<typeof rotatingIssuer>>
  /** Whether the database is away, or was a moment ago. */
  readonly isAway: () => boolean
  readonly took: (milliseconds: number) => void
}

/** Sends the mix until it is told to stop; each answer is judged, and each receipt fetched and held against its bodies. */
export function soaking(deps: Deps) {
  const outcome: Outcome = { counts: new Map(), strange: [], held: 0, unheld: [] }
  const sent = new Array<number>(CALLERS).fill(0)
  const checking = new Set<Promise<void>>()
  let isOver = false

  async function client(token: ReturnType<typeof tokens>): Promise<void> {
    while (!isOver) {
      const [way, manner] = drawn()
      const caller = Math.floor(Math.random() * CALLERS)
      const count = (sent[caller] ?? 0) + 1
      sent[caller] = count
      await send({ way, manner, caller, number: caller * EACH + count }, token).catch(error => {
        // The reset may come before its headers have been read.
        if (way !== 'broken') outcome.strange.push(`${way}: ${error}`)
      })
      await Bun.sleep(Math.random() * PAUSE_MS)
    }
  }

  async function send(one: Sent, token: ReturnType<typeof tokens>): Promise<void> {
    const own = await token.of(one.caller)
    const authorization = one.way === 'wrong token' ? await token.wrong(one.caller) : own
    const told = await asked(deps.gateway, requestOf(one, authorization))
    if (isSmall(one) && told.status === 200) deps.took(told.took)
    count(one, told)
    if (told.receipt === undefined) return
    const check = hold(told.receipt, told, own, outcome).finally(() => checking.delete(check))
    checking.add(check)
  }

  function count({ way, manner }: Sent, told: Told): void {
    const name = told.code ?? `${way}${manner === 'usual' ? '' : ` (${manner})`}`
    outcome.counts.set(name, (outcome.counts.get(name) ?? 0) + 1)
    if (isExpected(way, told, deps.isAway())) return
    outcome.strange.push(`${way}: ${told.status} ${told.code ?? ''}, ${told.isWhole ? 'whole' : 'broken'}`)
  }

  async function hold(id: string, told: Told, authorization: string, into: Outcome): Promise<void> {
    const receipt = await fetched(deps.gateway, id, authorization)
    const checks = checkReceipt({ ...told, receipt, report: '{}' })
    const amiss = checks.filter(({ outcome }) => outcome === 'fail').map(({ name, why }) => `${name}: ${why}`)
    if (amiss.length === 0) into.held++
    else into.unheld.push(`${id}: ${amiss.join(', ')}`)
  }

  const token = tokens(deps.issuer)
  const clients = Array.from({ length: AT_ONCE }, () => client(token))
  return {
    outcome,
    /** Has every caller ask for a new token. */
    renew: token.renew,
    stop: async () => {
      isOver = true
      await Promise.all(clients)
      await Promise.all(checking)
      token.stop()
    },
  }
}

interface Sent {
  readonly way: Way
  readonly manner: Manner
  readonly caller: number
  readonly number: number
}

function tokens(issuer: Deps['issuer']) {
  const known = new Map<number, Promise<string>>()
  const timer = setInterval(() => known.clear(), TOKEN_MS)
  return {
    of: async (caller: number) => `Bearer ${await known.getOrInsertComputed(caller, () => issuer.token(`c${caller}`))}`,
    wrong: async (caller: number) => {
      const wrong = WRONGS[Math.floor(Math.random() * WRONGS.length)] ?? 'expired'
      return `Bearer ${await issuer.wrong(wrong, `c${caller}`)}`
    },
    renew: () => known.clear(),
    stop: () => clearInterval(timer),
  }
}

function drawn(): readonly [Way, Manner] {
  let left = Math.random() * 100
  for (const [share, way, manner] of MIX) {
    left -= share
    if (left < 0) return [way, manner]
  }
  return ['json', 'usual']
}

const isSmall = ({ way, manner }: Sent) => way === 'json' && manner === 'usual'

function requestOf({ way, manner, number }: Sent, authorization: string): Parameters<typeof asked>[1] {
  const kind = way === 'refused' || way === 'wrong token' ? 'json' : way
  return { kind, manner, authorization, body: bodyOf(number, way === 'refused') }
}

function bodyOf(number: number, isTwice: boolean): string {
  const members = `"number":${number},"user_cache_secret":""`
  return `{${members}${isTwice ? ',"number":1' : ''}}`.padEnd(LEAST_BYTES + (number % EACH))
}

const STATUS: Readonly<Record<Way, number>> = {
  ...{ json: 200, large: 200, stream: 200, cut: 200, broken: 200 },
  ...{ busy: 429, unreadable: 422, refused: 400, 'wrong token': 401 },
}

function isExpected(way: Way, { status, code, isWhole }: Told, isAway: boolean): boolean {
  if (status === 503) return isAway && code === 'database_unavailable'
  if (status !== STATUS[way]) return false
  return isWhole === (way !== 'broken' && way !== 'cut')
}

async function fetched({ url }: Gateway, id: string, authorization: string): Promise<string> {
  for (;;) {
    const answer = await fetch(`${url}/v1/receipts/${id}`, { headers: { authorization } })
    const text = await answer.text()
    if (answer.status === 200) return text
    // Not written yet, or the database is away.
    if (answer.status !== 425 && answer.status !== 503) return text
    await Bun.sleep(AGAIN_MS)
  }
}

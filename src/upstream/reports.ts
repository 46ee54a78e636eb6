import type { BackendName } from '../protocol/exchange.ts'
import { type Log, wordsOf } from '../protocol/log.ts'
import { Problem, type ProblemCode } from '../protocol/problem.ts'
import { atMost } from './at-most.ts'
import type { Backend } from './backends.ts'
import type { Send } from './call.ts'
import type { Cooldown } from './cooldown.ts'
import { errand } from './errand.ts'
import { documentMember, membersOfReport } from './raw-members.ts'
import { recent } from './recent.ts'
import { refusedKey } from './refused-key.ts'

/** What a client asks backends about themselves. */
export interface Asked {
  /** As they are asked: without a question mark. */
  readonly query: string
  /** Milliseconds for which others may be told the same. */
  readonly keptMs: number
}

/** Why a backend's part is missing, in words of ours. */
interface Failure {
  readonly code: ProblemCode
  readonly message: string
}

/** What backends attest of themselves: members of a JSON object, byte for byte; and who told nothing, and why. */
export interface Reported {
  readonly members: readonly Uint8Array[]
  readonly failures: Readonly<Partial<Record<BackendName, Failure>>>
}

/** Asks all backends; a backend that fails is told of, and fails nothing. */
export type Reports = (asked: Asked) => Promise<Reported>

interface Deps {
  /** A cloud that runs in a TEE itself, and answers in the shape of NEAR AI's. */
  cloud: Backend | undefined
  /** The bundle that proves Tinfoil's enclaves. */
  bundle: (() => Promise<Uint8Array>) | undefined
  send: Send
  cooldown: Cooldown
  now: () => number
  log: Log
}

// Anyone may ask, and each asks what costs the backend a quote of each of its machines.
const MOST_AT_ONCE = 4
const WAIT_MS = 10_000
// A model's machine first proves its GPUs.
const WITHIN_MS = 30_000
// NEAR AI's have 0.7 MB; MOST_KEPT of these fit in memory.
const MOST_BYTES = 4_194_304
const MOST_KEPT = 16

export function reports({ cloud, bundle, log, ...deps }: Deps): Reports {
  // The bundle is fetched once for all who ask, beside these: four in all.
  const inTurn = atMost(bundle ? MOST_AT_ONCE - 1 : MOST_AT_ONCE, WAIT_MS)
  const told = recent<readonly Uint8Array[]>({ now: deps.now, most: MOST_KEPT })
  const asking = cloud && cloudReport({ ...deps, backend: cloud })
  const bundled = bundle && (async () => [await documentMember('tinfoil_attestation', await bundle())])

  return async ({ query, keptMs }) => {
    const failures: Partial<Record<BackendName, Failure>> = {}
    const from = async (backend: BackendName, ask: () => Promise<readonly Uint8Array[]>) => {
      try {
        return await ask()
      } catch (error) {
        failures[backend] = failureOf(error)
        log('warn', 'report_failed', { backend, ...wordsOf(error) })
        return []
      }
    }
    const parts = await Promise.all([
      asking && from('openai', () => told(query, keptMs, () => inTurn(() => asking(query)))),
      bundled && from('tinfoil', bundled),
    ])
    return { members: parts.flatMap(members => members ?? []), failures }
  }
}

function cloudReport({ backend, send, cooldown }: Pick<Deps, 'send' | 'cooldown'> & { backend: Backend }) {
  const inTime: Send = sent => send({ ...sent, withinMs: WITHIN_MS, maxBytes: MOST_BYTES })
  const ask = errand({ backend, send: inTime })
  const { origin } = backend.base
  // Anybody may ask for what ends in its 503: callers of inference are not kept from it by that.
  const own = `${origin} report`
  return async (query: string) => {
    cooldown.check(origin)
    cooldown.check(own)
    const answer = await ask({ method: 'GET', path: `/v1/attestation/report?${query}` })
    const { status, headers } = answer
    cooldown.heed(own, { statusCode: status, headers: Object.fromEntries(headers) })
    if (status === 401 || status === 402 || status === 403) throw refusedKey()
    if (status !== 200)
      throw new Problem('upstream_malformed', `The upstream gave no report: it answered with status ${status}.`)
    return membersOfReport(await answer.bytes())
  }
}

/** Words of ours alone: what others say is quoted to nobody. */
function failureOf(error: unknown): Failure {
  if (error instanceof Problem) return { code: error.code, message: error.message }
  return { code: 'internal', message: 'The report of this upstream could not be fetched.' }
}

import { setImmediate } from 'node:timers/promises'
import { importJWK } from 'jose'
import { fromBase64Url } from '../protocol/base64url.ts'
import { faultOf, type Log } from '../protocol/log.ts'
import { Problem } from '../protocol/problem.ts'
import { tokenProblem } from '../protocol/token.ts'

const HOUR = 3_600_000
const KEPT_MS = 24 * HOUR
const REFRESH_MS = HOUR
const COOL_DOWN_MS = 30_000
const BACK_OFF_MS = [1000, 2000, 5000, 10_000, 30_000]
const BACK_OFF_MAX_MS = 60_000
const KEYS_A_TURN = 100

interface Deps {
  /** Fetches the key set (RFC 7517 section 5) as parsed JSON. */
  load: () => Promise<unknown>
  now: () => number
  log: Log
}

/** The issuer's signing keys, kept fresh in the background. */
export interface KeySet {
  /**
   * The one P-256 signing key of that id; an id not seen before is looked up again, once in 30 s.
   * @throws Problem `token_unknown_key`, or `keys_unavailable` when there is no key set younger than 24 hours.
   */
  find(kid: string): CryptoKey | Promise<CryptoKey>
  /** Counts the changes of the set: what was decided under another generation no longer holds. */
  readonly generation: number
  isReady(): boolean
  /** Milliseconds since the set was fetched; infinite before it ever was. */
  ageMs(): number
  stop(): void
}

type Keys = ReadonlyMap<string, CryptoKey | 'ambiguous'>

/** Starts to fetch the key set at once, without waiting for it; again every hour, and sooner after a failure. */
export function keySet({ load, now, log }: Deps): KeySet {
  let keys: Keys = new Map()
  let print = ''
  let generation = 0
  let loadedAt = Number.NEGATIVE_INFINITY
  let triedAt = Number.NEGATIVE_INFINITY
  let failures = 0
  let inFlight: Promise<void> | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let stopped = false

  async function fetchOnce(): Promise<void> {
    try {
      const found = await readKeySet(await load())
      if (found.print !== print) generation++
      ;({ keys, print } = found)
      loadedAt = now()
      failures = 0
      log('info', 'keys_loaded', { keys: keys.size })
    } catch (error) {
      log('warn', 'keys_failed', { fault: faultOf(error) })
      failures++
    }
  }

  function refresh(): Promise<void> {
    clearTimeout(timer)
    triedAt = now()
    inFlight = fetchOnce().finally(() => {
      inFlight = undefined
      const delay = failures === 0 ? REFRESH_MS : (BACK_OFF_MS[failures - 1] ?? BACK_OFF_MAX_MS)
      if (!stopped) timer = setTimeout(() => void refresh(), delay).unref()
    })
    return inFlight
  }

  const ageMs = () => now() - loadedAt
  const isReady = () => ageMs() < KEPT_MS

  async function findAgain(kid: string): Promise<CryptoKey> {
    const rested = now() - triedAt >= COOL_DOWN_MS
    await (inFlight ?? (rested ? refresh() : undefined))
    if (!isReady()) throw unavailable()
    const key = keys.get(kid)
    if (key === undefined)
      throw tokenProblem('token_unknown_key', 'Unknown key: no signing key of this kid is published.')
    if (key === 'ambiguous')
      throw tokenProblem('token_unknown_key', 'Unknown key: its kid is published more than once.')
    return key
  }

  void refresh()
  return {
    find: kid => {
      const key = keys.get(kid)
      return typeof key === 'object' && isReady() ? key : findAgain(kid)
    },
    get generation() {
      return generation
    },
    isReady,
    ageMs,
    stop: () => {
      stopped = true
      clearTimeout(timer)
    },
  }
}

function unavailable(): Problem {
  return new Problem(
    'keys_unavailable',
    'The signing keys cannot be fetched right now, so no token can be checked: try again.',
    { headers: { 'retry-after': '5' } },
  )
}

async function readKeySet(document: unknown): Promise<{ keys: Keys; print: string }> {
  if (!isObject(document) || !Array.isArray(document['keys'])) throw new TypeError('not a key set')
  const keys = new Map<string, CryptoKey | 'ambiguous'>()
  const prints: string[] = []
  for (const [at, jwk] of document['keys'].entries()) {
    // An import never leaves the event loop: requests get their turn between keys, however many there are.
    if (at % KEYS_A_TURN === KEYS_A_TURN - 1) await setImmediate()
    const key = await readKey(jwk)
    if (!key) continue
    keys.set(key.kid, keys.has(key.kid) ? 'ambiguous' : key.key)
    prints.push(key.print)
  }
  return { keys, print: prints.sort().join() }
}

/** A P-256 key for checking signatures, or `undefined`: a bad key in the set harms only itself. */
async function readKey(jwk: unknown) {
  if (!isObject(jwk)) return undefined
  const { kty, crv, kid, use, alg, x, y, key_ops } = jwk
  if (kty !== 'EC' || crv !== 'P-256' || typeof kid !== 'string' || kid === '') return undefined
  if ((use !== undefined && use !== 'sig') || (alg !== undefined && alg !== 'ES256')) return undefined
  if (key_ops !== undefined && !(Array.isArray(key_ops) && key_ops.includes('verify'))) return undefined
  if ('d' in jwk || !isCoordinate(x) || !isCoordinate(y)) return undefined
  try {
    const key = await importJWK({ kty, crv, x, y }, 'ES256')
    return key instanceof CryptoKey ? { kid, key, print: JSON.stringify([kid, x, y]) } : undefined
  } catch {
    return undefined
  }
}

function isCoordinate(value: unknown): value is string {
  return typeof value === 'string' && fromBase64Url(value)?.length === 32
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

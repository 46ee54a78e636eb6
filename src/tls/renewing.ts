import { faultOf, type Log } from '../protocol/log.ts'
import { TlsFault } from './pair.ts'
import type { Source, Taken } from './source.ts'

interface Deps {
  readonly source: Source
  /** The pair that is served with. */
  readonly first: Taken
  /** Serves with this one from now on, or throws; resolves once nothing is accepted with the one before. */
  readonly replace: (pair: Taken) => Promise<void>
  readonly now: () => number
  readonly log: Log
}

const DAY_MS = 86_400_000

/** How often to look: two calls to the system, with a certificate in a file. */
export const CERTIFICATES_MS = 5000

/** Gives what looks, at each call, whether another pair is to be had, and serves with it; else the old one stays. */
export function renewing({ source, first, replace, now, log }: Deps): () => Promise<void> {
  let inForce = first
  let isBusy = false
  let told = ''

  async function renew(): Promise<void> {
    const next = await source.load()
    const isSame = next.chain === inForce.chain && next.key === inForce.key
    const replaced = isSame ? Promise.resolve() : replace(next)
    inForce = next
    told = ''
    if (!isSame) log('info', 'tls_renewed', { days: Math.floor((next.to - now()) / DAY_MS) })
    await replaced
  }

  /** Once for each fault, not at each look. */
  function tell(error: unknown): void {
    const [what, code] = [faultOf(error), error instanceof TlsFault ? error.code : undefined]
    const telling = `${code ?? what} ${source.stamp()}`
    if (telling !== told) log('warn', 'tls_kept', { ...(code && { tls: code }), fault: what })
    told = telling
  }

  return async () => {
    if (isBusy || !source.isDue(inForce)) return
    isBusy = true
    await renew().catch(tell)
    isBusy = false
  }
}

import { type Metrics, metrics } from '../../src/metrics/metrics.ts'
import type { BackendName } from '../../src/protocol/exchange.ts'
import { NO_METERS } from '../../src/protocol/meters.ts'
import type { Store } from '../../src/store/store.ts'
import { timed } from '../../src/store/timed.ts'

interface Options {
  isMeasured: boolean
  isSealing: boolean
  cloud?: string
  database?: string
  tee?: { readonly mode: 'dstack' | 'simulated' }
  now: () => number
}

const NOTHING: Pick<Metrics, 'meters' | 'text' | 'stop'> = {
  meters: NO_METERS,
  text: async () => '',
  stop: () => undefined,
}

/** What a gateway of the kit counts, and its store with the counting. */
export function measured(
  opened: Store,
  keysAgeMs: () => number,
  { isMeasured, isSealing, cloud, tee, database = 'sqlite:', now }: Options,
) {
  if (!isMeasured) return { ...NOTHING, store: opened }
  const backends: BackendName[] = [...(isSealing ? ['tinfoil' as const] : []), ...(cloud ? ['openai' as const] : [])]
  const counted = metrics({
    version: '0.0.0-test',
    commit: 'unknown',
    tee: tee?.mode ?? 'none',
    engine: database.startsWith('sqlite:') ? 'sqlite' : 'postgresql',
    backends,
    keysAgeMs,
    followed: opened.followed,
    now,
  })
  return { ...counted, store: timed(opened, counted.meters.asked) }
}

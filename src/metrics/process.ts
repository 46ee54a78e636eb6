import type { Registry } from 'prom-client'
import Counter from 'prom-client/lib/counter.js'
import Gauge from 'prom-client/lib/gauge.js'
import type { Facts } from './facts.ts'
import { gauge } from './gauge.ts'
import { histogram } from './histogram.ts'

const BEAT_MS = 500
const LAG_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]

/** What is told of this process. The client's own set is Node's, and some of it is not so on Bun. */
export function processGauges(registers: Registry[], facts: Facts) {
  const { version, commit, tee, keysAgeMs, followed, workers, now } = facts
  new Gauge({
    registers,
    name: 'sealgate_build_info',
    help: 'Which program this is, and in which TEE.',
    labelNames: ['version', 'commit', 'tee'],
    aggregator: 'first',
  }).set({ version, commit, tee }, 1)
  const startedAt = now() / 1000
  gauge(registers, 'process_start_time_seconds', 'When it began to count.', () => startedAt, 'min')
  gauge(registers, 'process_resident_memory_bytes', 'Memory in use.', () => process.memoryUsage.rss())
  new Counter({
    registers,
    name: 'process_cpu_seconds_total',
    help: 'CPU time, in user and system mode.',
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  if (keysAgeMs) {
    gauge(
      registers,
      'sealgate_jwks_age_seconds',
      'Since the key set of the issuer was fetched.',
      () => keysAgeMs() / 1000,
      'max',
    )
  }
  if (followed) clusterGauges(registers, followed)
  if (workers) workerGauges(registers, workers)
  return { stop: heartbeat(registers) }
}

function clusterGauges(registers: Registry[], followed: NonNullable<Facts['followed']>): void {
  const help = 'Since it was last known which member of the database cluster is the primary.'
  gauge(registers, 'sealgate_database_primary_age_seconds', help, () => followed.ageMs() / 1000, 'max')
  new Counter({
    registers,
    name: 'sealgate_database_primary_changes_total',
    help: 'How often a process went on with another primary of the database cluster.',
    collect() {
      this.reset()
      this.inc(followed.moves)
    },
  })
}

function workerGauges(registers: Registry[], workers: NonNullable<Facts['workers']>): void {
  gauge(registers, 'sealgate_workers', 'Workers that are there.', () => workers.count)
  new Counter({
    registers,
    name: 'sealgate_worker_deaths_total',
    help: 'Workers that died, and were replaced.',
    collect() {
      this.reset()
      this.inc(workers.deaths)
    },
  })
}

/** How late a timer rings tells how long others stood still; gives what ends it. */
function heartbeat(registers: Registry[]): () => void {
  const lag = histogram({
    registers,
    name: 'sealgate_event_loop_lag_seconds',
    help: 'How late a timer rings that is due twice a second.',
    buckets: LAG_SECONDS,
  })
  let last = performance.now()
  const timer = setInterval(() => {
    const at = performance.now()
    lag([], Math.max(0, at - last - BEAT_MS) / 1000)
    last = at
  }, BEAT_MS)
  return () => clearInterval(timer)
}

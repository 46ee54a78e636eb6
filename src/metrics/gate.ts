import type { Registry } from 'prom-client'
import type { Meters } from '../protocol/meters.ts'
import { counter } from './counter.ts'
import type { Facts } from './facts.ts'
import { histogram } from './histogram.ts'

// A statement of SQLite takes some microseconds, and a wait for a lock five seconds.
const SECONDS = [0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

/** What is counted of limits, of backends that cool and of the database. */
export function gateMeters(
  registers: Registry[],
  { backends, engine }: Pick<Facts, 'backends' | 'engine'>,
): Pick<Meters, 'limited' | 'cooled' | 'asked'> {
  const decisions = counter({
    registers,
    name: 'sealgate_limiter_decisions_total',
    help: 'What each limit said to requests.',
    labelNames: ['limit', 'decision'],
  })
  const cooldowns = counter({
    registers,
    name: 'sealgate_cooldowns_total',
    help: 'How often a host of a backend asked to be left alone.',
    labelNames: ['backend'],
  })
  const database = histogram({
    registers,
    name: 'db_client_operation_duration_seconds',
    help: 'Statements and transactions, waits for locks among them.',
    labelNames: ['db_system_name', 'error_type'],
    buckets: SECONDS,
  })
  for (const backend of backends) cooldowns([backend], 0)
  return {
    limited: (limit, isAllowed) => decisions([limit, isAllowed ? 'allowed' : 'refused']),
    cooled: backend => cooldowns([backend]),
    asked: (seconds, isAnswered) => database([engine, isAnswered ? '' : 'database_unavailable'], seconds),
  }
}

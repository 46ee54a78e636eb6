import Registry from 'prom-client/lib/registry.js'
import type { Meters } from '../protocol/meters.ts'
import type { Facts } from './facts.ts'
import { gateMeters } from './gate.ts'
import { processGauges } from './process.ts'
import { requestMeters } from './requests.ts'
import { tokenMeters } from './tokens.ts'

/** A metric as the client library gives it. */
export interface Counted {
  readonly name: string
  readonly type: unknown
}

/** What is counted, and its text. */
export interface Metrics {
  readonly meters: Meters
  /** The text format of Prometheus, and its media type. */
  readonly type: string
  text(): Promise<string>
  /** The same for another process, to be summed. */
  json(): Promise<readonly Counted[]>
  stop(): void
}

/**
 * Counts for Prometheus, by OpenTelemetry's names where there are any. A label is a route's template, a code or a name
 * of ours, or a model that a backend lists: no caller chooses one.
 */
export function metrics(facts: Facts): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const told = processGauges(registers, facts)
  return {
    meters: { ...requestMeters(registers, facts), ...tokenMeters(registers, facts), ...gateMeters(registers, facts) },
    type: registry.contentType,
    text: () => registry.metrics(),
    json: () => registry.getMetricsAsJSON(),
    stop: told.stop,
  }
}

import type { Registry } from 'prom-client'
import Gauge from 'prom-client/lib/gauge.js'

/** A gauge that is looked at when it is asked for; of several processes it is added up, unless told otherwise. */
export function gauge(
  registers: Registry[],
  name: string,
  help: string,
  look: () => number,
  aggregator: 'sum' | 'min' | 'max' = 'sum',
): void {
  new Gauge({
    registers,
    name,
    help,
    aggregator,
    collect() {
      this.set(look())
    },
  })
}

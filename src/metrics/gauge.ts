import type { Registry } from 'prom-client'
import Gauge from 'prom-client/lib/gauge.js'

/** A gauge that is looked at when it is asked for. */
export function gauge(registers: Registry[], name: string, help: string, look: () => number): void {
  new Gauge({
    registers,
    name,
    help,
    collect() {
      this.set(look())
    },
  })
}

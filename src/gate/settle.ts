import type { Exchange } from '../protocol/exchange.ts'
import type { InFlight } from './in-flight.ts'
import type { Slots } from './slots.ts'

interface Deps {
  /** Absent where that limit is off. */
  slots: Slots | undefined
  inFlight: InFlight
}

/** What is done when an exchange is over: whatever it held is given back. */
export const settle =
  ({ slots, inFlight }: Deps) =>
  ({ slot, inFlight: counted }: Exchange): void => {
    if (counted) inFlight.leave()
    if (slot) slots?.release(slot)
  }

import { afterEach, describe, expect, test } from 'bun:test'
import type { Slots } from '../../src/gate/slots.ts'
import type { Slot } from '../../src/protocol/exchange.ts'
import { clockAt } from '../kit/clock.ts'
import { engines } from '../kit/engines.ts'
import { gone, processes, take } from '../kit/slots.ts'

const { start, clear } = processes()
afterEach(clear)

describe.each(engines)('on $name', ({ fresh }) => {
  test('a thousand random steps of two processes never pass the limit, and nothing leaks', async () => {
    const [url, clock, limit] = [await fresh(), clockAt(), 3]
    const parts = [await start({ url, clock, limit }), await start({ url, clock, limit })]
    const owners = ['j_ada', 'j_bob']
    const used: { open: Slots; slot: Slot }[] = []
    const waiting = new Set<Promise<void>>()
    let most = 0
    const below = seeded()
    const act = (open: Slots | undefined, owner: string): void => {
      if (open && below(2)) {
        const asked = Promise.resolve(open.acquire(owner)).then(slot => {
          if (slot) used.push({ open, slot })
          const own = used.filter(({ slot }) => slot.owner === owner)
          most = Math.max(most, own.length)
          expect(new Set(own.map(({ slot }) => slot.number)).size).toBe(own.length)
        })
        waiting.add(asked.finally(() => waiting.delete(asked)))
      } else {
        const [ended] = used.splice(below(used.length), 1)
        ended?.open.release(ended.slot)
      }
    }
    for (let step = 0; step < 1000; step++) {
      act(parts[below(2)]?.open, owners[below(2)] ?? '')
      if (below(10) === 0) await parts[below(2)]?.open.renew()
      clock.pass(below(20))
      await Bun.sleep(below(50) === 0 ? 5 : 0)
    }
    await Promise.all(waiting)
    expect(most).toBe(limit)
    for (const { open, slot } of used) open.release(slot)
    await gone(parts[0]?.rows ?? (async () => -1))
    for (const part of parts) await wholly(part)
  })
})

/** Takes and gives back all that there is. */
async function wholly({ open, rows }: { open: Slots; rows: () => Promise<number> }): Promise<void> {
  const all = await Promise.all([take(open), take(open), take(open)])
  for (const slot of all) open.release(slot)
  await gone(rows)
}

/** The same numbers below a bound in each run. */
function seeded(): (bound: number) => number {
  let random = 42
  return bound => {
    random = (random * 1_103_515_245 + 12_345) % 2 ** 31
    return Math.floor((random / 2 ** 31) * bound)
  }
}

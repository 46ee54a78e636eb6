import { afterEach, describe, expect, test } from 'bun:test'
import { clockAt } from '../kit/clock.ts'
import { engines } from '../kit/engines.ts'
import { otherProcess } from '../kit/other-process.ts'
import { gone, processes, take } from '../kit/slots.ts'
import { eventually } from '../kit/stage.ts'

const { start, clear } = processes()
afterEach(clear)

describe.each(engines)('on $name', ({ fresh }) => {
  describe('the slots of a caller', () => {
    test('are as many as the limit, and one that is given back can be taken again', async () => {
      const { open } = await start({ url: await fresh() })
      const first = await take(open)
      await take(open)
      expect(await open.acquire('j_ada')).toBeUndefined()
      expect(await open.acquire('j_bob')).toBeDefined()
      open.release(first)
      await take(open)
      expect(await open.acquire('j_ada')).toBeUndefined()
    })

    test('are refused at once, without a statement, where all of them are in use here', async () => {
      const { open, watched } = await start({ url: await fresh() })
      await take(open)
      await take(open)
      const { asked } = watched
      expect(open.acquire('j_ada')).toBeUndefined()
      expect(watched.asked).toBe(asked)
    })

    test('cost no statement while the caller is busy', async () => {
      const { open, watched } = await start({ url: await fresh() })
      open.release(await take(open))
      const { asked } = watched
      for (let at = 0; at < 1000; at++) {
        const slot = open.acquire('j_ada')
        if (!slot || slot instanceof Promise) throw new Error('asked the database')
        open.release(slot)
      }
      expect(watched.asked).toBe(asked)
    })

    test('are all given back by one statement soon after the last is idle, and nothing is asked then', async () => {
      const { open, watched, rows } = await start({ url: await fresh(), limit: 9 })
      const all = await Promise.all(Array.from({ length: 9 }, (_, at) => take(open, `j_${at % 3}`)))
      expect(await rows()).toBe(9)
      const { asked } = watched
      for (const slot of all) open.release(slot)
      await gone(rows)
      await open.renew()
      expect(watched.asked).toBe(asked + 1)
    })

    test('are all free after a clean stop, those in use too', async () => {
      const url = await fresh()
      const { open } = await start({ url })
      const { open: other } = await start({ url })
      const slot = await take(open)
      await take(open)
      await open.close()
      open.release(slot)
      await take(other)
      await take(other)
    })
  })

  describe('two processes on one database', () => {
    test('share the limit exactly', async () => {
      const url = await fresh()
      const both = [await start({ url, limit: 8 }), await start({ url, limit: 8 })]
      const asked = both.flatMap(({ open }) => Array.from({ length: 8 }, () => open.acquire('j_ada')))
      const taken = (await Promise.all(asked)).filter(slot => slot !== undefined)
      expect(taken.map(({ number }) => number).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    })

    test('are in each other’s way with slots in use, not with idle ones', async () => {
      const url = await fresh()
      const { open } = await start({ url, limit: 1 })
      const { open: other } = await start({ url, limit: 1 })
      const slot = await take(open)
      expect(await other.acquire('j_ada')).toBeUndefined()
      open.release(slot)
      other.release(await take(other))
      await take(open)
      expect(await other.acquire('j_ada')).toBeUndefined()
    })

    test('leave a request that is refused no trace', async () => {
      const url = await fresh()
      const { open } = await start({ url, limit: 1 })
      const { open: other } = await start({ url, limit: 1 })
      const slot = await take(open)
      for (let at = 0; at < 3; at++) expect(await other.acquire('j_ada')).toBeUndefined()
      open.release(slot)
      await take(other)
    })
  })

  describe('a lease', () => {
    test('is over 25 s after its process was killed, for the others and for the sweep', async () => {
      const [url, clock] = [await fresh(), clockAt()]
      const { open, rows } = await start({ url, clock })
      const { open: other } = await start({ url, clock })
      await take(open)
      await take(open)
      clock.pass(24_999)
      expect(await other.acquire('j_ada')).toBeUndefined()
      await other.sweep()
      expect(await rows()).toBe(2)
      clock.pass(1)
      await take(other)
      await other.sweep()
      expect(await rows()).toBe(1)
    })

    test('of a killed process is over at the sweep after a clock stepped back; one that is renewed is not', async () => {
      const [url, clock] = [await fresh(), clockAt()]
      const { open: killed } = await start({ url, clock })
      const { open, rows } = await start({ url, clock })
      await take(killed)
      await take(open)
      clock.pass(-3_600_000)
      await open.renew()
      expect(await open.acquire('j_ada')).toBeUndefined()
      await open.sweep()
      expect(await rows()).toBe(1)
      await take(open)
      expect(await open.acquire('j_ada')).toBeUndefined()
    })

    test('of a process that was killed is over in less than 30 s', async () => {
      const url = await fresh()
      let aheadMs = 0
      const clock = { now: () => Date.now() + aheadMs }
      const { open } = await start({ url, clock, limit: 3 })
      const killed = otherProcess('holdSlots', url)
      await killed.stdout.getReader().read()
      killed.kill('SIGKILL')
      await killed.exited
      await take(open)
      expect(await open.acquire('j_ada')).toBeUndefined()
      aheadMs = 30_000
      await open.renew()
      await take(open)
      await take(open)
    })

    test('goes on as long as it is renewed', async () => {
      const [url, clock] = [await fresh(), clockAt()]
      const { open, watched } = await start({ url, clock, limit: 50 })
      const { open: other } = await start({ url, clock, limit: 50 })
      for (let at = 0; at < 50; at++) await take(open)
      const { asked } = watched
      for (let at = 0; at < 10; at++) {
        clock.pass(10_000)
        await open.renew()
      }
      expect(watched.asked).toBe(asked + 10)
      expect(await other.acquire('j_ada')).toBeUndefined()
    })

    test('is taken up again without a statement if it was renewed, and not if it ran out', async () => {
      const clock = clockAt()
      const { open, watched } = await start({ url: await fresh(), clock, limit: 1 })
      const first = await take(open)
      clock.pass(20_000)
      await open.renew()
      clock.pass(20_000)
      open.release(first)
      const { asked } = watched
      expect(open.acquire('j_ada')).toBe(first)
      open.release(first)
      clock.pass(5000)
      expect(await open.acquire('j_ada')).not.toBe(first)
      expect(watched.asked).toBe(asked + 1)
    })

    test('that was lost and taken by another process is not given back by its former holder', async () => {
      const [url, clock] = [await fresh(), clockAt()]
      const { open, rows } = await start({ url, clock, limit: 1 })
      const { open: other } = await start({ url, clock, limit: 1 })
      const lost = await take(open)
      clock.pass(25_000)
      await take(other)
      await open.renew()
      open.release(lost)
      expect(await open.acquire('j_ada')).toBeUndefined()
      expect(await rows()).toBe(1)
    })

    test('that was lost and taken anew by its own process is not given back by its former holder', async () => {
      const clock = clockAt()
      const { open, rows } = await start({ url: await fresh(), clock })
      const lost = await take(open)
      clock.pass(25_000)
      const anew = await take(open)
      expect(anew.number).toBe(lost.number)
      open.release(lost)
      await Bun.sleep(120)
      expect(await rows()).toBe(1)
      open.release(anew)
      await gone(rows)
    })
  })

  describe('a database that fails', () => {
    test('refuses with its own error, and the request that it failed counts no more', async () => {
      const { open, watched, rows } = await start({ url: await fresh() })
      watched.fails = true
      for (let at = 0; at < 3; at++) expect(await Promise.resolve(open.acquire('j_ada')).catch(String)).toMatch(/Error/)
      watched.fails = false
      const both = [await take(open), await take(open)]
      for (const slot of both) open.release(slot)
      await gone(rows)
    })

    test('at a renewal is logged, and renewed the next time', async () => {
      const [url, clock] = [await fresh(), clockAt()]
      const { open, watched, lines } = await start({ url, clock, limit: 1 })
      const { open: other } = await start({ url, clock, limit: 1 })
      await take(open)
      clock.pass(10_000)
      watched.fails = true
      await open.renew()
      expect(lines).toEqual(['slots_failed'])
      clock.pass(10_000)
      watched.fails = false
      await open.renew()
      clock.pass(10_000)
      expect(await other.acquire('j_ada')).toBeUndefined()
    })

    test('when slots are given back is logged and asked again; meanwhile they are used by nobody', async () => {
      const { open, watched, lines, rows } = await start({ url: await fresh(), limit: 1 })
      const slot = await take(open)
      watched.fails = true
      open.release(slot)
      await eventually(() => lines.includes('slots_failed'))
      watched.fails = false
      expect(await open.acquire('j_ada')).toBeUndefined()
      await gone(rows)
      await take(open)
    })
  })
})

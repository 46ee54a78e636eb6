import { afterEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { devGateways, UNAVAILABLE, unavailable } from '../kit/dev.ts'
import { otherProcess } from '../kit/other-process.ts'
import { rawRequest, requestBytes } from '../kit/raw.ts'

const { start, directory, clear } = devGateways()
afterEach(clear)

/** Takes the write lock in another process; resolves when it is taken. */
async function hold(cwd: string, ms: number) {
  const holder = otherProcess('hold', join(cwd, 'x.db'), { HOLD_MS: String(ms) })
  await holder.stdout.getReader().read()
  return holder
}

describe('while another process holds the write lock', () => {
  test('for a second a hundred callers wait for it, and /health is not held up for 50 ms', async () => {
    const cwd = directory()
    const gateway = await start(cwd)
    await gateway.models()
    const holder = await hold(cwd, 1000)
    const waiting = Array.from({ length: 100 }, gateway.models)
    await Bun.sleep(100)
    const latencies: number[] = []
    const probe = await rawRequest(gateway.url, '')
    while (holder.exitCode === null) {
      const asked = performance.now()
      await probe.send(requestBytes('GET /health', {}).replace('gateway.test', '127.0.0.1'))
      await probe.message()
      latencies.push(performance.now() - asked)
      await Bun.sleep(5)
    }
    const statuses = (await Promise.all(waiting)).map(({ status }) => status)
    expect(statuses).toEqual(statuses.map(() => 200))
    expect(latencies.length).toBeGreaterThan(30)
    expect(Math.max(...latencies)).toBeLessThan(50)
  })

  test('for longer than five seconds is a 503 and not ready, and all is well when it is let go', async () => {
    const cwd = directory()
    const gateway = await start(cwd)
    const holder = await hold(cwd, 6500)
    const asked = performance.now()
    const [answer, ready] = await Promise.all([gateway.models(), gateway.ready()])
    expect(performance.now() - asked).toBeWithin(4900, 6000)
    expect(await unavailable(answer)).toBe(UNAVAILABLE)
    expect(ready).toBe(503)
    await holder.exited
    expect(await gateway.ready()).toBe(200)
    expect((await gateway.models()).status).toBe(200)
  }, 15_000)
})

import { afterEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { devGateways, UNAVAILABLE, unavailable } from '../kit/dev.ts'
import { lockedBy } from '../kit/other-process.ts'
import { rawRequest, requestBytes } from '../kit/raw.ts'

const { start, directory, clear } = devGateways()
afterEach(clear)

/** Takes the write lock in another process, for so long; resolves when it is taken. */
async function hold(cwd: string, ms: number) {
  const holder = await lockedBy(join(cwd, 'x.db'))
  const over = { yet: false }
  const gone = holder.letGoIn(ms).then(() => {
    over.yet = true
  })
  return { over, gone }
}

describe('while another process holds the write lock', () => {
  test('for a second a hundred callers wait for it, and nobody else does', async () => {
    const cwd = directory()
    const gateway = await start(cwd)
    await gateway.models()
    const holder = await hold(cwd, 1000)
    const waiting = Array.from({ length: 100 }, gateway.models)
    await Bun.sleep(100)
    const latencies: number[] = []
    const probe = await rawRequest(gateway.url, '')
    while (!holder.over.yet) {
      const asked = performance.now()
      await probe.send(requestBytes('GET /health', {}).replace('gateway.test', '127.0.0.1'))
      await probe.message()
      latencies.push(performance.now() - asked)
      await Bun.sleep(5)
    }
    const statuses = (await Promise.all(waiting)).map(({ status }) => status)
    expect(statuses).toEqual(statuses.map(() => 200))
    expect(latencies.length).toBeGreaterThan(30)
    // Were it SQLite that waited, nearly every answer in that second would be late; a busy machine makes some late.
    const late = latencies.filter(ms => ms > 50)
    expect(late.length).toBeLessThan(latencies.length / 10)
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
    await holder.gone
    expect(await gateway.ready()).toBe(200)
    expect((await gateway.models()).status).toBe(200)
  }, 60_000)
})

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type CloudGateway, CREATE, cloudGateways, DUE_MS, wrongIn } from '../kit/books.ts'
import { engines } from '../kit/engines.ts'

const { start, another, clear } = cloudGateways()
afterAll(clear)

const ON = 'POST conversations'
const CLONE = 'POST conversations/{id}/clone'
const GONE = 'DELETE conversations/{id}'

describe.each(engines)('on $name', ({ fresh, run }) => {
  let [url, at] = ['', undefined as unknown as CloudGateway]
  beforeAll(async () => {
    url = await fresh()
    at = await start(url)
  })

  const times = (route: string) => at.cloud.counts.get(route) ?? 0
  const lose = async (turn: object = { cut: 'after' }) => {
    at.cloud.next({ on: ON, ...turn })
    await at.ask(CREATE, { body: '{}' })
  }
  /** Things that somebody had, and has no longer. */
  const abandon = async (count: number) => {
    for (let n = 0; n < count; n++)
      await run(url, `UPDATE belongings SET owner = NULL WHERE id = '${await at.begin('ada')}'`)
  }

  test('what fails is tried again after half a minute, then a minute, and in the end each hour', async () => {
    await lose()
    at.clock.pass(DUE_MS)
    at.cloud.next({ on: ON, times: 10, status: 503 })
    const pauses: number[] = []
    for (let tries = 0; tries < 10; tries++) {
      const before = times(ON)
      let pause = 0
      for (; times(ON) === before; pause += 30) {
        await at.kit.reconcile()
        if (times(ON) === before) at.clock.pass(30_000)
      }
      pauses.push(pause - 30)
    }
    expect(pauses).toEqual([0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600])
    at.clock.pass(3_600_000)
    await at.kit.reconcile()
    expect(await wrongIn(url, at.cloud)).toEqual({})
  })

  test('a deletion that fails is tried again too', async () => {
    await abandon(1)
    at.cloud.next({ on: GONE, status: 500 })
    await at.kit.reconcile()
    await at.kit.reconcile()
    expect((await at.books()).orphans).toHaveLength(1)
    at.clock.pass(30_000)
    await at.kit.reconcile()
    expect(await wrongIn(url, at.cloud)).toEqual({})
  })

  test('what the backend does not have counts as deleted', async () => {
    const id = `conv_${'0'.repeat(32)}`
    await run(url, `INSERT INTO belongings (kind, id, created_at, used_at) VALUES ('conversation', '${id}', 0, 0)`)
    await at.kit.reconcile()
    expect(await wrongIn(url, at.cloud)).toEqual({})
  })

  test('what is nobody’s is found among however much that is somebody’s', async () => {
    const rows = Array.from({ length: 250 }, (_, n) => `('conversation', 'conv_own${n}', 'u_own', 0, 0)`)
    await run(url, `INSERT INTO belongings (kind, id, owner, created_at, used_at) VALUES ${rows.join()}`)
    await abandon(1)
    await at.kit.reconcile()
    await run(url, `DELETE FROM belongings WHERE owner = 'u_own'`)
    expect(await wrongIn(url, at.cloud)).toEqual({})
  })

  test('a copy whose source is gone is not asked for again and again', async () => {
    const id = await at.begin()
    at.cloud.next({ on: CLONE, cut: 'before' })
    await at.ask(`POST /v1/conversations/${id}/clone`)
    await at.ask(`DELETE /v1/conversations/${id}`)
    at.clock.pass(DUE_MS)
    await at.kit.reconcile()
    expect((await at.books()).makings).toBe(0)
  })

  test('a copy that was lost goes', async () => {
    const id = await at.begin()
    at.cloud.next({ on: CLONE, cut: 'after' })
    await at.ask(`POST /v1/conversations/${id}/clone`)
    at.clock.pass(DUE_MS)
    await at.kit.reconcile()
    expect(await wrongIn(url, at.cloud)).toEqual({})
  })

  test('two processes do it once', async () => {
    const second = await another(url, at)
    await abandon(8)
    for (let n = 0; n < 4; n++) await lose()
    const [deleted, asked] = [times(GONE), times(ON)]
    second.clock.pass(at.clock.now() - second.clock.now() + DUE_MS)
    at.clock.pass(DUE_MS)
    await Promise.all([at.kit.reconcile(), second.kit.reconcile()])
    await at.kit.reconcile()
    expect([times(ON) - asked, times(GONE) - deleted]).toEqual([4, 12])
    expect((await at.books()).orphans).toEqual([])
  })

  test('four calls are under way at most, and a backend that is not there is asked no more than four times a round', async () => {
    await abandon(9)
    const four = Promise.withResolvers<void>()
    let [open, most] = [0, 0]
    const before = async () => {
      most = Math.max(most, ++open)
      // Were there a fifth, it would come now.
      if (open === 4) setTimeout(four.resolve, 20)
      await four.promise
      open--
    }
    at.cloud.next({ on: GONE, times: 4, cut: 'before' })
    const deleted = times(GONE)
    await at.kit.reconcile()
    expect(times(GONE) - deleted).toBe(4)
    at.cloud.next({ on: GONE, times: 5, before })
    at.clock.pass(30_000)
    await at.kit.reconcile()
    expect(most).toBe(4)
    expect((await at.books()).orphans).toEqual([])
  })

  test.each([429, 401])('a backend that answers %d to all is asked no more than four times a round', async status => {
    await abandon(9)
    at.cloud.next({ on: GONE, times: 9, status })
    const [deleted, said] = [times(GONE), at.kit.lines.length]
    await at.kit.reconcile()
    expect(times(GONE) - deleted).toBe(4)
    expect(at.kit.lines.slice(said).filter(line => line.includes('reconcile_failed'))).toHaveLength(4)
    await at.kit.reconcile()
    expect(times(GONE) - deleted).toBe(8)
    await at.kit.reconcile()
    at.clock.pass(30_000)
    await at.kit.reconcile()
    expect((await at.books()).orphans).toEqual([])
  })

  test('where the backend makes a thing each time it is asked, the empty one goes, and the lost one cannot be known', async () => {
    const forgetful = await start(await fresh(), { stand: { isForgetful: true } })
    forgetful.cloud.next({ on: ON, cut: 'after' })
    await forgetful.ask(CREATE, { body: '{}' })
    const lost = forgetful.cloud.ids('conversations')
    forgetful.clock.pass(DUE_MS)
    await forgetful.kit.reconcile()
    expect(forgetful.cloud.counts.get(ON)).toBe(2)
    expect(forgetful.cloud.ids('conversations')).toEqual(lost)
    expect(await forgetful.books()).toEqual({ owned: [], orphans: [], makings: 0 })
  })
})

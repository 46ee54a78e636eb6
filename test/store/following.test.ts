import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { SQL } from 'bun'
import { sql } from 'drizzle-orm'
import { limiter } from '../../src/gate/limiter.ts'
import { postgresAddress } from '../../src/protocol/database-url.ts'
import { following, type News } from '../../src/store/following.ts'
import { openStore } from '../../src/store/open.ts'
import { handleOn, poolAt } from '../../src/store/pool.ts'
import { limits } from '../../src/store/schema.ts'
import { calls } from '../../src/upstream/call.ts'
import { claimsBy } from '../../src/upstream/cluster.ts'
import { clockAt } from '../kit/clock.ts'
import { DATA_KEY, runOn } from '../kit/database.ts'
import { faultOf } from '../kit/opening.ts'
import { memberAt, type Patroni, patroni, twoServers } from '../kit/patroni.ts'
import { postgresServer, type Server } from '../kit/postgres.ts'
import { outcome } from '../kit/problem.ts'
import { eventually } from '../kit/stage.ts'
import { wireTo } from '../kit/wire.ts'

const { call } = calls()

const HOUR = 3_600_000

// The other server is that of all tests: this one may be stopped, shut to writes, or become a standby.
let own: Server
beforeAll(async () => {
  own = await postgresServer(['wal_level=replica'])
}, 60_000)
afterAll(() => own.stop())

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

async function cluster() {
  const both = await twoServers(own)
  closing.push(both.patroni.stop)
  return both
}

interface Started {
  now?: () => number
  refreshMs?: number
  connections?: number
}

function opened(
  url: string,
  members: readonly Patroni[],
  { now = Date.now, refreshMs = HOUR, connections = 2 }: Started,
  news: News[],
) {
  const claims = claimsBy(
    members.map(it => `${it.url}/cluster`),
    call,
  )
  const given = { refreshMs, claims, told: (it: News) => news.push(it) }
  const dataKey = Buffer.from(DATA_KEY, 'hex')
  return openStore({ url, dataKey, identityKey: undefined, postgres: { tls: 'off', now, connections, cluster: given } })
}

async function start(options: Started = {}) {
  const at = await cluster()
  const news: News[] = []
  const { store } = await opened(at.url, [at.patroni], options, news)
  closing.push(() => store.close())
  const limit = limiter({ store, now: clockAt().now, rpm: 60, burst: 10 })
  return {
    ...at,
    store,
    take: () => outcome(() => limit.take('j_ada')),
    /** What was told, in short. */
    told: () => news.map(it => (it.kind === 'failed' ? it.code : it.kind)),
  }
}

/** Shuts this file's server to writes, and opens it. */
async function shut(how: 'on' | 'off') {
  const admin = new SQL(own.url, { max: 1 })
  await admin.unsafe(`ALTER SYSTEM SET default_transaction_read_only = ${how}`)
  await admin`SELECT pg_reload_conf()`
  await admin.close()
}

const rows = (url: string) => runOn(url, 'SELECT owner FROM limits')
/** Connections that a gateway has there. */
const connectionsAt = async ({ url }: Server) =>
  (await runOn(url, `SELECT pid FROM pg_stat_activity WHERE starts_with(application_name, 'sealgate ')`)).length

describe('a leader that moves', () => {
  test('is followed when Patroni is asked next: what runs ends where it was, and no connection stays there', async () => {
    const { patroni, first, second, moved, store, take, told } = await start({ refreshMs: 50 })
    expect(await take()).toBe('fine')
    const slow = store.db.select({ slept: sql`CAST(pg_sleep(0.3) AS TEXT)` }).from(limits).prepare()
    const running = store.ask(() => slow.execute())
    await eventually(
      async () => (await runOn(first, `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'`)).length > 0,
    )
    patroni.says = moved
    await eventually(() => told().length === 2)
    expect(await take()).toBe('fine')
    expect(await running).toHaveLength(1)
    expect([await rows(first), await rows(second)]).toEqual([[{ owner: 'j_ada' }], [{ owner: 'j_ada' }]])
    await eventually(async () => (await connectionsAt(own)) === 0)
    expect(told()).toEqual(['found', 'changed'])
  })

  test('because it died is followed at once, and by nobody’s restart', async () => {
    const { patroni, second, moved, take, told } = await start()
    expect(await take()).toBe('fine')
    await own.stop()
    expect(await take()).toBe('database_unavailable')
    await eventually(() => told().length === 2)
    patroni.says = moved
    await eventually(async () => (await take()) === 'fine')
    expect(await rows(second)).toHaveLength(1)
    expect(told()).toEqual(['found', 'unreachable', 'changed'])
    await own.start()
  })

  test('because it takes no writes any more is followed at once, and not before another one does', async () => {
    const { patroni, moved, take, told } = await start()
    expect(await take()).toBe('fine')
    await shut('on')
    closing.push(() => shut('off'))
    await eventually(async () => (await take()) === 'database_unavailable')
    await eventually(() => told().length === 2)
    const { asked } = patroni
    await eventually(() => patroni.asked > asked)
    patroni.says = moved
    await eventually(async () => (await take()) === 'fine')
    expect(told()).toEqual(['found', 'read_only', 'changed'])
  })
})

test('another primary may have another clock, which is looked at when it is in force', async () => {
  let behindMs = 0
  const { patroni, moved, store, told } = await start({ refreshMs: 20, now: () => Date.now() - behindMs })
  behindMs = 90_000
  expect(store.aheadMs()).toBeLessThan(1000)
  patroni.says = moved
  await eventually(() => told().length === 2)
  await eventually(() => store.aheadMs() > 80_000)
})

describe('Patroni', () => {
  test('that is down leaves all as it was, says so once, and is heard again', async () => {
    const { patroni, moved, take, told } = await start({ refreshMs: 20 })
    patroni.says = () => new Response('', { status: 503 })
    const { asked } = patroni
    await eventually(() => patroni.asked > asked + 3)
    expect([await take(), told()]).toEqual(['fine', ['found', 'no_answer']])
    patroni.says = moved
    await eventually(() => told().at(-1) === 'changed')
    expect(await take()).toBe('fine')
  })

  test('that calls two the leader is not heeded where both take writes on one timeline', async () => {
    const { patroni, second, url, take, told } = await start({ refreshMs: 20 })
    const other = await wireTo(second)
    closing.push(other.stop)
    patroni.says = [memberAt(second, 'leader'), memberAt(other.url, 'leader')]
    await eventually(() => told().length === 2)
    expect([await take(), told()]).toEqual(['fine', ['found', 'two_primaries']])
    expect((await faultOf(opened(url, [patroni], {}, []))).message).toBe(
      'The database cluster cannot be used: two of its members take writes on one timeline: stop the one that is not to be primary.',
    )
  })
})

describe('a look', () => {
  const session = { tls: 'off', connections: 1, statementMs: 1000 } as const

  test('that began before another pool was put in force does not take its place; the next one does', async () => {
    const at = await cluster()
    const [as, there] = [postgresAddress(at.first)!, postgresAddress(at.second)!]
    const [first, renewed] = [poolAt(as, session), poolAt(as, session)]
    const handle = handleOn(first, 0)
    const gate = Promise.withResolvers<void>()
    const seen: SQL[] = []
    let isAsked = false
    const claims = async () => {
      isAsked = true
      await gate.promise
      seen.push(handle.pool())
      return [{ host: there.host, port: there.port }]
    }
    const follows = following(
      { address: as, timeline: 1 },
      { cluster: { claims, refreshMs: HOUR }, handle, as, session },
    )
    closing.push(handle.close, follows.close)
    follows.lost()
    await eventually(() => isAsked)
    expect(handle.replace(first, renewed)).toBe(true)
    gate.resolve()
    await eventually(() => follows.primary.address.port === there.port)
    expect(seen).toEqual([renewed, renewed])
    const [row] = await handle.pool()`SELECT current_setting('port') AS port`
    expect(Number(row.port)).toBe(there.port)
  })

  test('ends with the store: nothing is asked after it', async () => {
    const { patroni, store } = await start({ refreshMs: 5 })
    await eventually(() => patroni.asked > 3)
    await store.close()
    await eventually(async () => {
      const { asked } = patroni
      await Bun.sleep(20)
      return patroni.asked === asked
    })
  })
})

describe('a start', () => {
  test('by any member that answers finds the primary', async () => {
    const { patroni: it, url } = await cluster()
    const down = patroni(() => new Response('', { status: 500 }))
    closing.push(down.stop)
    const { store } = await opened(url, [down, it], {}, [])
    expect(await store.isWritable()).toBe(true)
    await store.close()
  })

  test.each<[string, Patroni['says'], string]>([
    ['nobody answers', () => new Response('', { status: 503 }), 'nobody answers /cluster, at none of its addresses'],
    ['there is no Patroni', () => new Response('<html>'), 'what is answered at /cluster is not what Patroni answers'],
    ['nobody is primary', [memberAt('postgres://h:1/a', 'replica')], 'none of its members is primary'],
  ])('where %s is one line', async (_, says, words) => {
    const it = patroni(says)
    closing.push(it.stop)
    const { message } = await faultOf(opened('postgres://me:hunter2@primary.invalid/a', [it], {}, []))
    expect(message).toStartWith(`The database cluster cannot be used: ${words}`)
    expect(message).not.toMatch(/hunter2|primary\.invalid|\n/)
  })

  test('where the primary cannot be reached says which and why', async () => {
    const it = patroni([memberAt('postgres://127.0.0.1:1/a', 'leader')])
    closing.push(it.stop)
    expect((await faultOf(opened('postgres://me:hunter2@primary.invalid/a', [it], {}, []))).message).toStartWith(
      'The database postgres://127.0.0.1:1/a cannot be used: nothing answers there.',
    )
  })
})

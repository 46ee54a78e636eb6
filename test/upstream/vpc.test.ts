import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { logger } from '../../src/gate/log.ts'
import { Secret } from '../../src/protocol/secret.ts'
import { fields } from '../../src/store/fields.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { calls, type Send } from '../../src/upstream/call.ts'
import { LoginFault, vpc } from '../../src/upstream/vpc.ts'
import { clockAt } from '../kit/clock.ts'
import { engines } from '../kit/engines.ts'
import { fifty, LOGIN, loggingIn, SECRET } from '../kit/logging-in.ts'

const { send } = calls()

describe.each(engines)('on $name, a key that a login gives', ({ fresh, run, kept }) => {
  const { start, setUp, url, store } = loggingIn(fresh)

  test('takes one login for fifty who ask at once', async () => {
    const { process, opens, logins } = await setUp()
    const { current } = process()
    const [key = '', ...others] = new Set(await fifty(current))
    expect([others, await opens(key), logins()]).toEqual([[], 200, 1])
  })

  test('outlives a restart, and the start asks nobody', async () => {
    const { process, logins } = await setUp()
    const key = await process().current()
    const restarted = process()
    await restarted.begin()
    expect([restarted.current(), logins()]).toEqual([key, 1])
  })

  test('that is revoked is replaced by one login for fifty who are refused at once, and other processes find it', async () => {
    const { process, cloud, opens, logins } = await setUp()
    const [one, other] = [process(), process()]
    const [old, same] = [await one.current(), await other.current()]
    expect(same).toBe(old)
    cloud.revoke()
    expect(await fifty(() => one.renewed(old))).toEqual(Array(50).fill(true))
    const key = await one.current()
    expect([await opens(key), logins()]).toEqual([200, 2])
    // Who hears of it late asks nobody.
    expect([await one.renewed(old), await other.renewed(old), await other.current(), logins()]).toEqual([
      ...[true, true, key, 2],
    ])
  })

  test('that is refused as soon as it is given is asked for anew once in ten seconds', async () => {
    const { process, cloud, clock, logins } = await setUp()
    const { current, renewed } = process()
    const refused = async () => {
      cloud.revoke()
      return renewed(await current())
    }
    await current()
    expect([await refused(), await refused(), await refused(), logins()]).toEqual([true, false, false, 2])
    clock.pass(9999)
    expect([await refused(), logins()]).toEqual([false, 2])
    clock.pass(1)
    expect([await refused(), logins()]).toEqual([true, 3])
    clock.pass(-60_000)
    expect([await refused(), logins()]).toEqual([true, 4])
  })

  test('that cannot be had anew leaves the old one, and heals when it can', async () => {
    const { process, cloud, clock, opens, lines } = await setUp()
    const { current, renewed } = process()
    const old = await current()
    cloud.revoke()
    cloud.next({ on: LOGIN, status: 500 })
    expect([await renewed(old), await current()]).toEqual([false, old])
    expect(lines.at(-1)).toEndWith('error vpc_login_failed status=500\n')
    clock.pass(10_000)
    expect([await renewed(old), await opens(await current())]).toEqual([true, 200])
  })

  test('is the same for two processes that log in at the same time', async () => {
    const { process, cloud, logins } = await setUp()
    const both = Promise.withResolvers<void>()
    let come = 0
    const after = () => {
      if (++come === 2) both.resolve()
      return both.promise
    }
    cloud.next({ on: LOGIN, times: 2, after })
    const keys = await Promise.all([process().current(), process().current()])
    expect([new Set(keys).size, logins()]).toEqual([1, 2])
    expect(await process().current()).toBe(keys[0])
  })

  test('is for one address and one client', async () => {
    const { process, cloud, logins } = await setUp()
    const { cloud: elsewhere, heard } = await start({ secret: SECRET, now: clockAt().now })
    const key = await process().current()
    const others = [process({ clientId: crypto.randomUUID() }), process({ baseUrl: elsewhere.url })]
    for (const other of others) expect(await other.current()).not.toBe(key)
    expect([logins(), elsewhere.counts.get(LOGIN), cloud.counts.size]).toEqual([2, 1, 1])
    expect(heard.map(({ headers }) => headers.get('authorization'))).toEqual([null])
  })

  test('stands in the database sealed, and nowhere in the clear', async () => {
    const { process, clientId } = await setUp()
    const key = (await process().current()).replace('Bearer ', '')
    const all = await kept(url())
    expect([all.includes(clientId), all.includes(key), all.includes(SECRET)]).toEqual([true, false, false])
  })

  test('that does not open any more is asked for anew, and stored in its place', async () => {
    const { process, logins, clientId } = await setUp()
    await process().current()
    const damage = `UPDATE kept_secrets SET value = 'f1.damaged' WHERE name LIKE 'vpc ${clientId} %'`
    await run(url(), damage)
    const key = await process().current()
    expect([await process().current(), logins()]).toEqual([key, 2])
  })

  test('that is had anew takes the place of the one that was refused, though that could not be seen there', async () => {
    const { process, cloud, opens } = await setUp()
    let asked = 0
    // The second time it is asked, which key is stored cannot be told.
    const ask: Store['ask'] = act => (++asked === 3 ? Promise.reject(new Error('away')) : store().ask(act))
    const { current, renewed } = process({ store: { ...store(), ask } })
    const old = await current()
    cloud.revoke()
    expect([asked, await renewed(old), await opens(await current())]).toEqual([2, true, 200])
    expect(await process().current()).toBe(await current())
  })

  test('is good where the database cannot be asked, but then for one process', async () => {
    const { process, opens, lines } = await setUp()
    const away: Store = { ...store(), ask: () => Promise.reject(new Error('marked')) }
    expect(await opens(await process({ store: away }).current())).toBe(200)
    expect(lines.join('')).toMatch(
      /^.* warn {2}credentials_failed fault=Error.*\n.* info {2}vpc_login\n.*credentials_failed/,
    )
    expect(lines.join('')).not.toContain('marked')
  })
})

describe('a login', () => {
  let opened: Awaited<ReturnType<typeof openStore>>
  beforeAll(async () => {
    opened = await openStore({ url: 'sqlite::memory:', dataKey: undefined, identityKey: undefined })
  })
  afterAll(() => opened.store.close())

  function failing(answer: Send) {
    const lines: string[] = []
    const log = logger({ format: 'text', level: 'debug', now: Date.now, write: line => lines.push(line) })
    const at = { baseUrl: 'https://cloud.example/v1', clientId: 'gate', secret: new Secret(SECRET) }
    const { begin } = vpc({ at, send: answer, ...opened, fields: fields(opened.keys.fields), now: Date.now, log })
    const said = begin().then(
      () => 'begun',
      error => error,
    )
    return { said, lines }
  }

  const organization = { id: 'org-1' }
  test.each<[string, number, unknown]>([
    ['a refusal', 401, 'marked'],
    ['a refusal with a key', 403, { api_key: 'sk-marked', organization }],
    ['a redirect', 302, 'marked'],
    ['no key', 200, { access_token: 'marked', organization }],
    ['a key that no header takes', 200, { api_key: 'sk marked\r\n', organization }],
    ['a key of no organization', 200, { api_key: 'sk-marked', organization: { id: 7 } }],
    ['a page', 200, '<html>marked'],
    ['null', 200, null],
  ])('that is answered by %s does not begin, and says no more than the status', async (_, status, body) => {
    const { said, lines } = failing(
      async () => new Response(typeof body === 'string' ? body : JSON.stringify(body), { status }),
    )
    const fault = await said
    expect(fault).toBeInstanceOf(LoginFault)
    expect(fault.message).toBe(
      `Cannot log in at https://cloud.example/v1: it answered with status ${status} and no key. Check VPC_SHARED_SECRET, VPC_CLIENT_ID, OPENAI_BASE_URL (with its /v1), and this machine's clock: 30 s off is too much.`,
    )
    expect(lines).toEqual([expect.stringMatching(new RegExp(` error vpc_login_failed status=${status}\n$`))])
    expect(Bun.inspect(fault) + lines.join('')).not.toContain('marked')
    expect(Bun.inspect(fault) + lines.join('')).not.toContain(SECRET)
  })

  test('that is answered at endless length does not begin, and names the address', async () => {
    const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('marked'.repeat(20_000)) })
    const { said } = failing(asked => send({ ...asked, url: server.url.href }))
    expect((await said).message).toBe(
      'Cannot log in at https://cloud.example/v1: it answers otherwise than a login is answered. Check OPENAI_BASE_URL (with its /v1).',
    )
    await server.stop(true)
  })

  test('that reaches nobody does not begin either', async () => {
    const { said, lines } = failing(asked => send({ ...asked, url: 'http://127.0.0.1:1/' }))
    expect((await said).message).toBe(
      'Cannot log in at https://cloud.example/v1: it cannot be reached, or speaks no HTTP. Check OPENAI_BASE_URL, and the way there.',
    )
    expect(lines).toEqual([expect.stringContaining('vpc_login_failed code=upstream_unreachable')])
  })
})

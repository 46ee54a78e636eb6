import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { postgresAddress } from '../../src/protocol/database-url.ts'
import { openDatabase } from '../../src/store/open.ts'
import { handleOn, poolAt } from '../../src/store/pool.ts'
import { ROOT } from '../kit/certificates.ts'
import { runOn } from '../kit/database.ts'
import { postgres } from '../kit/engines.ts'
import { faultOf } from '../kit/opening.ts'
import { postgresWithTls } from '../kit/postgres-tls.ts'
import { eventually } from '../kit/stage.ts'

describe('TLS to a PostgreSQL', () => {
  let server: Awaited<ReturnType<typeof postgresWithTls>>
  beforeAll(async () => {
    server = await postgresWithTls()
    await runOn(server.url, "CREATE ROLE locked LOGIN SUPERUSER PASSWORD 'hunter2'")
    await runOn(server.url, 'CREATE ROLE few LOGIN CONNECTION LIMIT 0')
  }, 30_000)
  afterAll(() => server.stop())

  const at = (change: Partial<URL> = {}) => Object.assign(new URL(server.url), change).href
  const said = async (url: string, ca: string | undefined = server.ca) =>
    (await faultOf(openDatabase(url, { tls: { ca } }))).message.replace(/^.* cannot be used: /, '')

  test.each([
    ['an address', '127.0.0.1', { names: ['127.0.0.1'] }],
    ['a name', 'localhost', { names: ['db.example', 'localhost'] }],
  ])('is spoken where the certificate is by a trusted signer and for %s', async (_, hostname, shown) => {
    await server.show(shown)
    const store = await openDatabase(at({ hostname }), { tls: { ca: `${ROOT}\n${server.ca}` }, connections: 2 })
    await store.migrate()
    const ours = `JOIN pg_stat_activity USING (pid) WHERE starts_with(application_name, 'sealgate ')`
    expect(await runOn(server.url, `SELECT DISTINCT ssl, version FROM pg_stat_ssl ${ours}`)).toEqual([
      { ssl: true, version: 'TLSv1.3' },
    ])
    await store.close()
  })

  test.each([
    ['another name', { names: ['db.example'] }, 'its certificate is for another name. Reach it by a name in that'],
    ['another address', { names: ['127.0.0.2'] }, 'its certificate is for another name. '],
    ['names below it', { names: ['*.127.0.0.1', '*.0.0.1'] }, 'its certificate is for another name. '],
    ['another signer', { signer: 'another' }, 'its certificate is signed by nobody that is trusted. Give '],
    ['a time that is over', { to: Date.now() - 60_000 }, 'its certificate is not in force now. Renew it'],
  ] as const)('refuses a certificate for %s', async (_, shown, words) => {
    await server.show({ names: ['127.0.0.1'], ...shown })
    expect(await said(server.url)).toStartWith(words)
  })

  test('trusts nobody but whom it is told to, also where the environment would trust all', async () => {
    await server.show({ names: ['127.0.0.1'] })
    expect(await said(server.url, ROOT)).toContain('signed by nobody that is trusted')
    const script = `import { openDatabase } from './src/store/open.ts'
      await openDatabase(${JSON.stringify(server.url)}, { tls: {} })`
    const env = { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' }
    const { exitCode, stderr } = Bun.spawnSync([process.execPath, '-e', script], { env })
    expect([exitCode, stderr.toString()]).toEqual([1, expect.stringContaining('signed by nobody that is trusted')])
  })

  test.each([
    ['a wrong password', { username: 'locked', password: 'guessed' }, 'the password is wrong. Check DATABASE_URL, or '],
    ['one connection too many', { username: 'few' }, 'it has too many connections. Lower DATABASE_MAX_CONNECTIONS'],
  ])('is no way in with %s, and what was tried is not told', async (_, change, words) => {
    const told = await said(at(change))
    expect(told).toStartWith(words)
    expect(told).not.toContain('guessed')
  })

  test('takes the right password, and no other from the environment', async () => {
    const locked = { username: 'locked', password: 'hunter2' }
    const store = await openDatabase(at(locked), { tls: { ca: server.ca } })
    await store.close()
    process.env['PGPASSWORD'] = 'hunter2'
    try {
      expect(await said(at({ ...locked, password: '' }))).toStartWith('the password is wrong. ')
    } finally {
      delete process.env['PGPASSWORD']
    }
  })

  test('is not given up for a server that says it has none, which learns no user', async () => {
    const heard: (string | Buffer)[] = []
    const between = createServer(socket => socket.on('data', chunk => heard.push(chunk) && socket.write('N')))
    await new Promise<void>(resolve => between.listen(0, '127.0.0.1', resolve))
    const { port } = between.address() as AddressInfo
    expect(await said(at({ port: String(port) }))).toStartWith(
      'it speaks no TLS. Turn `ssl` on there; DATABASE_TLS=off',
    )
    expect(heard.map(({ length }) => length)).toEqual([8])
    between.close()
  })
})

describe('a handle', () => {
  const address = async () => postgresAddress(await postgres.fresh())!
  const session = { tls: 'off', connections: 2, statementMs: 5000 } as const

  test('leads to the pool that took the place of another, whose statements go on to their end', async () => {
    const [first, next, late] = [0, 1, 2].map(async () => poolAt(await address(), session))
    const handle = handleOn((await first)!, 5000)
    const running = handle.pool()`SELECT pg_sleep(0.1), current_schema() AS at`.execute()
    await eventually(() => running.active)
    expect(handle.replace((await first)!, (await next)!)).toBe(true)
    expect(handle.replace((await first)!, (await late)!)).toBe(false)
    expect(handle.pool()).toBe((await next)!)
    expect(await running).toHaveLength(1)
    await expect((await first)!`SELECT 1`.execute()).rejects.toThrow('closed')
    await handle.close()
    expect(handle.replace((await next)!, (await late)!)).toBe(false)
    await (await late)!.close()
  })

  test('asks the server to end what takes too long, waits for a lock, or forgets a transaction', async () => {
    const pool = poolAt(await address(), { ...session, name: 'sealgate test' })
    const [row] = await pool`SELECT current_setting('statement_timeout') AS statement,
      current_setting('lock_timeout') AS lock, current_setting('idle_in_transaction_session_timeout') AS idle,
      current_setting('application_name') AS name`
    expect(row).toEqual({ statement: '5s', lock: '5s', idle: '10s', name: 'sealgate test' })
    await pool.close()
  })
})

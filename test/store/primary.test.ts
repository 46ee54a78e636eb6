import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { SQL } from 'bun'
import { ClusterFault, type Member } from '../../src/protocol/cluster.ts'
import { postgresAddress } from '../../src/protocol/database-url.ts'
import { type Primary, primaryAmong } from '../../src/store/primary.ts'
import { runOn } from '../kit/database.ts'
import { postgres } from '../kit/engines.ts'
import { postgresServer, type Server } from '../kit/postgres.ts'

const NOBODY: Member = { host: '127.0.0.1', port: 1 }

let standby: Server
beforeAll(async () => {
  standby = await postgresServer()
  const [row] = await runOn<string>(standby.url, 'SHOW data_directory')
  await standby.stop()
  // It recovers, and waits for whoever promotes it.
  writeFileSync(join(row?.['data_directory'] ?? '', 'standby.signal'), '')
  await standby.start()
}, 60_000)
afterAll(() => standby.stop())

const addressOf = (url: string) => postgresAddress(url)!
const memberOf = (url: string): Member => addressOf(url)

async function found(urls: readonly string[], known?: Primary) {
  const as = addressOf(urls[0] ?? '')
  try {
    const { address, timeline } = await primaryAmong([NOBODY, ...urls.map(memberOf)], {
      as,
      session: { tls: 'off' },
      known,
    })
    return { port: address.port, timeline }
  } catch (fault) {
    if (fault instanceof ClusterFault) return fault.code
    throw fault
  }
}

describe('of those that are called primary', () => {
  test('one in recovery is not; promoted it is, before one of an earlier timeline, and that never after it', async () => {
    const primary = await postgres.fresh()
    const [old, next] = [addressOf(primary), addressOf(standby.url)]
    expect(await found([standby.url])).toBe('read_only')
    expect(await found([standby.url, primary])).toEqual({ port: old.port, timeline: 1 })
    const admin = new SQL(standby.url, { max: 1 })
    await admin`SELECT pg_promote()`
    await admin.close()
    expect(await found([standby.url])).toEqual({ port: next.port, timeline: 2 })
    expect(await found([primary, standby.url])).toEqual({ port: next.port, timeline: 2 })
    expect(await found([primary], { address: next, timeline: 2 })).toBe('older_timeline')
    expect(await found([primary], { address: old, timeline: 1 })).toEqual({ port: old.port, timeline: 1 })
  })

  test('one whose sessions begin read-only is not, whoever said so', async () => {
    const shut = new URL(await postgres.fresh())
    shut.searchParams.set('default_transaction_read_only', 'on')
    expect(await found([shut.href])).toBe('read_only')
  })

  test('of two on one timeline the one in force stays, and else neither is', async () => {
    const url = await postgres.fresh()
    const twice = [url, url.replace('127.0.0.1', 'localhost')]
    expect(await found(twice)).toBe('two_primaries')
    expect(await found(twice, { address: addressOf(url), timeline: 1 })).toEqual({
      port: addressOf(url).port,
      timeline: 1,
    })
  })

  test('one that speaks no TLS is not where TLS is, though it is on this machine, and learns no user', async () => {
    const heard: number[] = []
    const server = createServer(socket => socket.on('data', ({ length }) => heard.push(length) && socket.write('N')))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const as = addressOf('postgres://me:hunter2@primary.invalid/a')
    const asked = primaryAmong([{ host: '127.0.0.1', port }], { as, session: { tls: {} } })
    await expect(asked).rejects.toThrow(new ClusterFault('unreachable'))
    expect(heard).toEqual([8])
    server.close()
  })

  test('whoever cannot be asked is not', async () => {
    expect(await found(['postgres://127.0.0.1:1/a'])).toBe('unreachable')
  })
})

import { Database } from 'bun:sqlite'
import { afterEach, describe, expect, test } from 'bun:test'
import { existsSync, linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { devGateways, UNAVAILABLE, unavailable } from '../kit/dev.ts'

const { start, directory, clear } = devGateways()
afterEach(clear)

describe('a database under a running gateway', () => {
  test('that is deleted is a 503 and not ready, and all is well when it is put back', async () => {
    const cwd = directory()
    const path = join(cwd, 'x.db')
    const gateway = await start(cwd)
    await gateway.models()
    linkSync(path, join(cwd, 'copy'))
    rmSync(path)
    await gateway.becomes(503)
    expect(await unavailable(await gateway.models())).toBe(UNAVAILABLE)
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200)
    expect(existsSync(path)).toBe(false)
    renameSync(join(cwd, 'copy'), path)
    await gateway.becomes(200)
    expect((await gateway.models()).status).toBe(200)
    expect(await gateway.stop()).toBe(0)
  })

  test('that is replaced by another stays untouched, with all that lies beside it', async () => {
    const cwd = directory()
    const gateway = await start(cwd)
    await gateway.models()
    for (const name of readdirSync(cwd)) rmSync(join(cwd, name))
    const foreign = { 'x.db': 'not', 'x.db-wal': 'of', 'x.db-shm': 'sealgate' }
    for (const [name, text] of Object.entries(foreign)) writeFileSync(join(cwd, name), text)
    await gateway.becomes(503)
    expect(await unavailable(await gateway.models())).toBe(UNAVAILABLE)
    expect(await gateway.stop()).toBe(0)
    const found = readdirSync(cwd).map(name => [name, readFileSync(join(cwd, name), 'utf8')])
    expect(Object.fromEntries(found)).toEqual(foreign)
  })

  test.each([
    ['WAL', ['x.db-wal']],
    ['shared memory', ['x.db-shm']],
    ['WAL and shared memory', ['x.db-wal', 'x.db-shm']],
  ] satisfies [string, string[]][])(
    'whose %s is deleted gets it again, and loses nothing although the gateway is killed then',
    async (_, names) => {
      const cwd = directory()
      const gateway = await start(cwd)
      for (let i = 0; i < 5; i++) await gateway.models()
      for (const name of names) rmSync(join(cwd, name))
      await Bun.sleep(150)
      expect(await gateway.ready()).toBe(200)
      expect((await gateway.models()).status).toBe(200)
      for (const name of names) expect(existsSync(join(cwd, name))).toBe(true)
      gateway.signal('SIGKILL')
      await gateway.exited
      const file = new Database(join(cwd, 'x.db'))
      expect(file.query('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
      expect(file.query('SELECT count(*) AS callers FROM limits').get()).toEqual({ callers: 1 })
      file.close()
    },
  )

  test('whose WAL is deleted while another process has it open is a 503 until that one closes it', async () => {
    const cwd = directory()
    const gateway = await start(cwd)
    await gateway.models()
    const other = new Database(join(cwd, 'x.db'))
    other.query('SELECT count(*) FROM limits').get()
    rmSync(join(cwd, 'x.db-wal'))
    await gateway.becomes(503)
    expect(await unavailable(await gateway.models())).toBe(UNAVAILABLE)
    other.close(true)
    await gateway.becomes(200)
    expect((await gateway.models()).status).toBe(200)
  })
})

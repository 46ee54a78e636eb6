import { afterEach, describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { devGateways, UNAVAILABLE, unavailable } from '../kit/dev.ts'
import { type Disk, disk, freeze, mayFreeze, mayMount } from '../kit/disk.ts'

const { start, failing, directory, clear } = devGateways()
const disks: Disk[] = []
afterEach(async () => {
  await clear()
  for (const one of disks.splice(0)) one.stop()
})

const can = mayMount()
const named = (name: string, may = can) => (may ? name : `${name} [no right to mount]`)

function readOnly(): Disk {
  const made = disk(4096)
  if (!made) throw new Error('the disk could be mounted a moment ago')
  disks.push(made)
  return made
}

describe('a read-only disk', () => {
  test.skipIf(!can)(named('with no database on it is one line and exit 1'), async () => {
    const disk = readOnly()
    disk.remount('ro')
    const { code, said } = await failing(disk.path)
    expect(code).toBe(1)
    expect(said).toMatch(
      /^sealgate: The database x\.db cannot be used: .*may not be written to\. Check DATABASE_URL\.\n$/,
    )
  })

  test.skipIf(!can)(
    named('with a database on it is one line and exit 1, and the same database serves again later'),
    async () => {
      const disk = readOnly()
      expect(await (await start(disk.path)).stop()).toBe(0)
      const before = readFileSync(join(disk.path, 'x.db'), 'hex')
      disk.remount('ro')
      const { code, said } = await failing(disk.path)
      expect(code).toBe(1)
      expect(said).toMatch(
        /^sealgate: The database x\.db cannot be used: .*may not be written to\. Check DATABASE_URL\.\n$/,
      )
      expect(readFileSync(join(disk.path, 'x.db'), 'hex')).toBe(before)
      disk.remount('rw')
      expect(await (await start(disk.path)).ready()).toBe(200)
    },
  )

  const freezes = mayFreeze()
  test.skipIf(!freezes)(named('under a running gateway is a 503 until it can be written again', freezes), async () => {
    const cwd = directory()
    const gateway = await start(cwd)
    const files = ['x.db', 'x.db-wal'].map(name => join(cwd, name))
    try {
      freeze(true, ...files)
      await gateway.becomes(503)
      expect(await unavailable(await gateway.models())).toBe(UNAVAILABLE)
    } finally {
      freeze(false, ...files)
    }
    await gateway.becomes(200)
    expect((await gateway.models()).status).toBe(200)
  })
})

describe('a directory', () => {
  test('that goes while it runs is a 503, and stays one until the gateway is started anew', async () => {
    const cwd = directory()
    const gateway = await start(cwd)
    expect(readdirSync(cwd)).toContain('x.db')
    rmSync(cwd, { recursive: true })
    await gateway.becomes(503)
    expect(await unavailable(await gateway.models())).toBe(UNAVAILABLE)
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200)
    expect(await gateway.stop()).toBe(0)
  })
})

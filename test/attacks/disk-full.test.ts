import { afterEach, describe, expect, test } from 'bun:test'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { CREATE, cloudGateways, DUE_MS, wrongIn } from '../kit/books.ts'
import { devGateways, UNAVAILABLE, unavailable } from '../kit/dev.ts'
import { type Disk, disk, mayMount } from '../kit/disk.ts'
import { fileForm } from '../kit/owning.ts'

const { start, failing, clear } = devGateways()
const { start: gatewayTo, clear: clearClouds } = cloudGateways()
const disks: Disk[] = []
afterEach(async () => {
  await clear()
  await clearClouds()
  for (const one of disks.splice(0)) one.stop()
})

const can = mayMount()
const named = (name: string) => (can ? name : `${name} [no right to mount]`)

function small(): Disk {
  const made = disk(768)
  if (!made) throw new Error('the disk could be mounted a moment ago')
  disks.push(made)
  return made
}

describe('on a full disk', () => {
  test.skipIf(!can)(
    named('a running gateway answers 503, is not ready, and recovers as soon as there is room'),
    async () => {
      const full = small()
      const gateway = await start(full.path)
      expect([(await gateway.models()).status, await gateway.ready()]).toEqual([200, 200])
      full.fill()
      // What room the WAL already has is used first.
      await gateway.becomes(503)
      expect(await unavailable(await gateway.models())).toBe(UNAVAILABLE)
      expect((await fetch(`${gateway.url}/health`)).status).toBe(200)
      full.clear()
      await gateway.becomes(200)
      expect((await gateway.models()).status).toBe(200)
      expect(await gateway.stop()).toBe(0)
    },
  )

  test.skipIf(!can).each([
    [named('conversation'), 'conversations', CREATE, (): FormData | string => '{}'],
    [named('file'), 'files', 'POST /v1/files', (): FormData | string => fileForm()],
  ] as const)('a %s that cannot be given to anybody is deleted, there or later', async (_, kind, create, bodyOf) => {
    const full = small()
    const path = join(full.path, 'x.db')
    const { ask, cloud, kit, clock } = await gatewayTo(`sqlite:${path}`, { path })
    expect((await ask(create, { body: bodyOf() })).status).toBe(201)
    const ids = cloud.ids(kind)
    for (const turn of [{ times: 0 }, { cut: 'before' as const }]) {
      cloud.next({ on: `POST ${kind}`, after: async () => full.fill() })
      cloud.next({ on: `DELETE ${kind}/{id}`, ...turn })
      expect(await unavailable(await ask(create, { body: bodyOf() }))).toBe(UNAVAILABLE)
      expect(cloud.ids(kind)).toHaveLength(turn.cut ? 2 : 1)
      const asked = cloud.counts.get(`POST ${kind}`)
      expect(await unavailable(await ask(create, { body: bodyOf() }))).toBe(UNAVAILABLE)
      expect(cloud.counts.get(`POST ${kind}`)).toBe(asked)
      full.clear()
    }
    clock.pass(DUE_MS)
    await kit.reconcile()
    expect(await wrongIn(`sqlite:${path}`, cloud)).toEqual({})
    expect(cloud.ids(kind)).toEqual(ids)
  })

  test.skipIf(!can)(named('a start with a database on it is one line and exit 1'), async () => {
    const full = small()
    const first = await start(full.path)
    await first.stop()
    full.fill()
    const { code, said } = await failing(full.path)
    expect(code).toBe(1)
    expect(said).toBe(
      'sealgate: The database x.db cannot be used: the disk reports an error, or is full. Check DATABASE_URL.\n',
    )
    full.clear()
    expect(await (await start(full.path)).ready()).toBe(200)
  })

  test.skipIf(!can)(named('a first start says so in one line, and leaves no half of a key behind'), async () => {
    const full = small()
    full.fill()
    const { code, said } = await failing(full.path)
    expect(code).toBe(2)
    expect(said).toBe(
      'sealgate: The key file x.db.key cannot be written: the disk is full, make room, or set DATA_KEY.\n',
    )
    expect(readdirSync(full.path).sort()).toEqual(['ballast', 'x.db'])
    expect(statSync(join(full.path, 'x.db')).size).toBe(0)
    full.clear()
    expect(await (await start(full.path)).ready()).toBe(200)
  })

  test.skipIf(!can)(named('a first start with a key of its own says so in one line'), async () => {
    const full = small()
    full.fill()
    const { code, said } = await failing(full.path, { DATA_KEY: 'ab'.repeat(32) })
    expect(code).toBe(1)
    expect(said).toBe('sealgate: The database x.db cannot be used: the disk is full. Check DATABASE_URL.\n')
  })
})

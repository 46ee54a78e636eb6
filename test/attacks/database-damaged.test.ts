import { Database } from 'bun:sqlite'
import { afterEach, describe, expect, test } from 'bun:test'
import { closeSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '../../src/store/open.ts'
import { devGateways } from '../kit/dev.ts'
import { freshDirectory } from '../kit/directory.ts'
import { startGateway } from '../kit/gateway.ts'
import { rawUpstream } from '../kit/raw.ts'
import { answerBytes } from '../kit/stage.ts'

const { failing, directory, clear } = devGateways()
afterEach(clear)

const PAGE = 4096
const DATA_KEY = 'ab'.repeat(32)

/** A database with so many callers in it, in one file. */
async function filled(path: string, callers: number): Promise<void> {
  const { store } = await openStore({
    url: `sqlite:${path}`,
    dataKey: Buffer.from(DATA_KEY, 'hex'),
    identityKey: undefined,
  })
  await store.close()
  const file = new Database(path)
  file.run(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${callers})
     INSERT INTO limits (owner, full_at) SELECT 'j_' || printf('%032x', i), 0 FROM n`,
  )
  file.run('PRAGMA wal_checkpoint(TRUNCATE)')
  file.close(true)
}

/** Writes these bytes into a file, in place. */
function overwrite(path: string, at: number, bytes: Uint8Array): void {
  const file = openSync(path, 'r+')
  writeSync(file, bytes, 0, bytes.length, at)
  closeSync(file)
}

describe('a start with a database', () => {
  const damages: Record<string, (path: string) => void> = {
    'of random bytes': path => writeFileSync(path, crypto.getRandomValues(new Uint8Array(40_960))),
    'of random bytes after its header': path => overwrite(path, 100, crypto.getRandomValues(new Uint8Array(8092))),
    'that ends in the middle of a page': path => truncateSync(path, 40 * PAGE + 1000),
    'that lacks its last pages': path => truncateSync(path, 40 * PAGE),
    'with a page of zeros in the middle': path => overwrite(path, 40 * PAGE, new Uint8Array(PAGE)),
    'with a page of random bytes in the middle': path =>
      overwrite(path, 40 * PAGE, crypto.getRandomValues(new Uint8Array(PAGE))),
  }
  test.each(Object.entries(damages))('%s is one line and exit 1, and the file stays as it is', async (_, damage) => {
    const cwd = directory()
    const path = join(cwd, 'x.db')
    await filled(path, 10_000)
    damage(path)
    const before = readFileSync(path, 'hex')
    const { code, said } = await failing(cwd, { DATA_KEY })
    expect(said).toMatch(/^sealgate: The database x\.db cannot be used: .*(?:damaged|not a SQLite database)\..*\n$/)
    expect(code).toBe(1)
    expect(readFileSync(path, 'hex')).toBe(before)
  })
})

test('a page that is damaged while the gateway runs is a 503 and not ready, until it is mended', async () => {
  const path = join(freshDirectory(), 'x.db')
  await filled(path, 120_000)
  const upstream = await rawUpstream(answerBytes('200 OK', {}, 'ok'))
  writeFileSync(`${path}.key`, DATA_KEY)
  const kit = await startGateway({ upstream: upstream.url, path, rpm: 6000, burst: 100 })
  const ready = async () => (await fetch(`${kit.url}/readyz`)).status
  const becomes = async (status: number) => {
    for (let tries = 0; (await ready()) !== status; tries++) {
      if (tries === 100) throw new Error(`/readyz does not become ${status}`)
      await Bun.sleep(50)
    }
  }
  const statuses = async () => {
    const callers = Array.from({ length: 40 }, (_, i) => kit.bearer(`caller ${i}`))
    const asks = callers.map(async headers => fetch(`${kit.url}/v1/models`, { headers: await headers }))
    return new Set((await Promise.all(asks)).map(({ status }) => status))
  }
  // The tables stand first in the file, then the callers' pages; the cache holds but the last of what was looked at.
  const whole = readFileSync(path)
  overwrite(path, 5 * PAGE, new Uint8Array(whole.length - 5 * PAGE))
  expect(await statuses()).toContain(503)
  await becomes(503)
  overwrite(path, 5 * PAGE, whole.subarray(5 * PAGE))
  await becomes(200)
  expect(await statuses()).toEqual(new Set([200]))
  await kit.stop()
  await upstream.stop()
}, 60_000)

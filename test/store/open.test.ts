import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { KeyFault } from '../../src/store/keys.ts'
import { MIGRATIONS } from '../../src/store/migrations.ts'
import { openStore } from '../../src/store/open.ts'
import { StoreFault } from '../../src/store/store.ts'
import { freshDirectory } from '../kit/directory.ts'
import { otherProcess } from '../kit/other-process.ts'

interface Options {
  dataKey?: Uint8Array
  identityKey?: Uint8Array
}

const CHECKED = [{ role: 'fields' }, { role: 'identity' }]
const key = (byte: number) => new Uint8Array(32).fill(byte)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const freshPath = () => join(freshDirectory(), 'sealgate.db')
const open = (path: string, { dataKey, identityKey }: Options = {}) => openStore({ path, dataKey, identityKey })

/** Opens and closes; gives the identity key in hex. */
async function identityOf(path: string, options: Options = {}): Promise<string> {
  const { store, keys } = await open(path, options)
  store.close()
  return hex(keys.identity)
}

async function faultOf(act: Promise<unknown>): Promise<Error> {
  const fault = await act.then(
    () => undefined,
    error => error,
  )
  if (!(fault instanceof Error)) throw new TypeError('it went well')
  return fault
}

const LONG_AGO = new Date(0)

/** Runs an act that must write nothing to a database's directory, not even what is there already. */
async function untouched(path: string, act: () => Promise<void>): Promise<void> {
  const directory = join(path, '..')
  // Readers mark SQLite's shared memory.
  const files = () => readdirSync(directory).filter(name => !name.endsWith('-shm'))
  const state = () =>
    files().map(name => {
      const file = join(directory, name)
      return [name, statSync(file).mtimeMs, readFileSync(file, 'hex')]
    })
  for (const name of files()) utimesSync(join(directory, name), LONG_AGO, LONG_AGO)
  const before = state()
  await act()
  expect(state()).toEqual(before)
}

describe('a new database', () => {
  test('makes a key file beside it that only its owner may read', async () => {
    const path = freshPath()
    await identityOf(path)
    expect(readFileSync(`${path}.key`, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/)
    expect(statSync(`${path}.key`).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(path, '..')).filter(name => name.includes('key'))).toEqual(['sealgate.db.key'])
  })

  test('does not hold the key', async () => {
    const path = freshPath()
    const { store, keys } = await open(path)
    const root = readFileSync(`${path}.key`, 'utf8').trim()
    const bytes = Buffer.concat([readFileSync(path), readFileSync(`${path}-wal`)])
    store.close()
    expect(bytes.includes('key_checks')).toBe(true)
    for (const secret of [root, hex(keys.identity)]) {
      expect(bytes.includes(secret)).toBe(false)
      expect(bytes.includes(Buffer.from(secret, 'hex'))).toBe(false)
    }
  })

  test('is whole in its one file once it is closed', async () => {
    const path = freshPath()
    await identityOf(path)
    const elsewhere = freshPath()
    copyFileSync(path, elsewhere)
    const copy = new Database(elsewhere)
    expect(copy.query('SELECT role FROM key_checks ORDER BY role').all()).toEqual(CHECKED)
    copy.close()
  })

  test('makes no key file when it is given a key', async () => {
    const path = freshPath()
    await identityOf(path, { dataKey: key(1) })
    expect(existsSync(`${path}.key`)).toBe(false)
  })

  test('takes the key file that is already there', async () => {
    const path = freshPath()
    writeFileSync(`${path}.key`, hex(key(1)))
    expect(await identityOf(path)).toBe(await identityOf(freshPath(), { dataKey: key(1) }))
  })

  test('in memory leaves nothing behind, and never has the same key twice', async () => {
    expect(await identityOf(':memory:')).not.toBe(await identityOf(':memory:'))
    expect(existsSync(':memory:.key')).toBe(false)
  })
})

describe('a database opened again', () => {
  test('gives the same key', async () => {
    const path = freshPath()
    const first = await identityOf(path)
    expect(await identityOf(path)).toBe(first)
  })

  test('migrates once', async () => {
    const path = freshPath()
    await identityOf(path)
    await identityOf(path)
    const file = new Database(path)
    expect(file.query('SELECT number FROM migrations').all()).toEqual(
      MIGRATIONS.map((_, index) => ({ number: index + 1 })),
    )
    expect(file.query('SELECT role FROM key_checks ORDER BY role').all()).toEqual(CHECKED)
    file.close()
  })

  test('refuses another DATA_KEY and writes nothing', async () => {
    const path = freshPath()
    await identityOf(path, { dataKey: key(1) })
    await untouched(path, async () => {
      const fault = await faultOf(open(path, { dataKey: key(2) }))
      expect(fault).toBeInstanceOf(KeyFault)
      expect(fault.message).toContain('DATA_KEY')
      expect(fault.message).not.toContain(hex(key(2)))
    })
    expect(await identityOf(path, { dataKey: key(1) })).toHaveLength(64)
  })

  test('refuses a key file that was swapped', async () => {
    const path = freshPath()
    await identityOf(path)
    writeFileSync(`${path}.key`, hex(key(2)))
    await untouched(path, async () => {
      expect(await faultOf(open(path))).toBeInstanceOf(KeyFault)
    })
  })

  test('refuses to make a key in place of one that is missing', async () => {
    const path = freshPath()
    await identityOf(path)
    unlinkSync(`${path}.key`)
    await untouched(path, async () => {
      const fault = await faultOf(open(path))
      expect(fault).toBeInstanceOf(KeyFault)
      expect(fault.message).toContain(`${path}.key`)
    })
  })

  test('refuses another IDENTITY_HASH_KEY, and none where there was one', async () => {
    const path = freshPath()
    const dataKey = key(1)
    expect(await identityOf(path, { dataKey, identityKey: key(3) })).toBe(hex(key(3)))
    expect(await faultOf(open(path, { dataKey, identityKey: key(4) }))).toBeInstanceOf(KeyFault)
    expect(await faultOf(open(path, { dataKey }))).toBeInstanceOf(KeyFault)
    expect(await identityOf(path, { dataKey, identityKey: key(3) })).toBe(hex(key(3)))
  })

  test('refuses to be taken over by an IDENTITY_HASH_KEY where there was none', async () => {
    const path = freshPath()
    await identityOf(path)
    expect(await faultOf(open(path, { identityKey: key(3) }))).toBeInstanceOf(KeyFault)
  })
})

describe('a key file', () => {
  test.each([
    '',
    '\n',
    'hunter2',
    'g'.repeat(64),
    '0'.repeat(63),
    '0'.repeat(65),
    `${'0'.repeat(32)}\n${'0'.repeat(32)}`,
  ])('that holds %j is a fault that does not quote it, and stays as it is', async text => {
    const path = freshPath()
    writeFileSync(`${path}.key`, text)
    const fault = await faultOf(open(path))
    expect(fault).toBeInstanceOf(KeyFault)
    expect(fault.message).not.toContain('hunter2')
    expect(fault.message).not.toContain('000')
    expect(readFileSync(`${path}.key`, 'utf8')).toBe(text)
  })

  test('that is a directory is a fault', async () => {
    const directory = freshDirectory()
    expect(await faultOf(open(join(directory, 'a'), { dataKey: key(1) }).then(() => open(directory)))).toBeInstanceOf(
      Error,
    )
    const path = join(directory, 'b')
    await Bun.write(join(`${path}.key`, 'inside'), '')
    expect(await faultOf(open(path))).toBeInstanceOf(KeyFault)
  })
})

describe('at the same moment', () => {
  test('ten processes open one new database, and all have the same key', async () => {
    const path = freshPath()
    const processes = Array.from({ length: 10 }, () => otherProcess('open', path))
    const said = await Promise.all(processes.map(({ stdout }) => stdout.text()))
    const faults = await Promise.all(processes.map(({ stderr }) => stderr.text()))
    expect(faults.join('')).toBe('')
    expect(new Set(said).size).toBe(1)
    expect(said[0]).toMatch(/^[0-9a-f]{64}\n$/)
    expect(await identityOf(path)).toBe(said[0]?.trim() ?? '')
    const file = new Database(path)
    expect(file.query('SELECT number FROM migrations').all()).toEqual(
      MIGRATIONS.map((_, index) => ({ number: index + 1 })),
    )
    file.close()
    expect(readdirSync(join(path, '..')).filter(name => name.includes('.key'))).toEqual(['sealgate.db.key'])
  }, 20_000)

  test('of two with different keys on one new database, one is refused', async () => {
    const path = freshPath()
    const both = await Promise.allSettled([open(path, { dataKey: key(1) }), open(path, { dataKey: key(2) })])
    const opened = both.flatMap(end => (end.status === 'fulfilled' ? [end.value] : []))
    const refused = both.flatMap(end => (end.status === 'rejected' ? [end.reason] : []))
    for (const { store } of opened) store.close()
    expect(opened).toHaveLength(1)
    expect(refused[0]).toBeInstanceOf(KeyFault)
  })
})

describe('a database that may not be written to', () => {
  const asNobody = async (path: string) => otherProcess('openAsNobody', path, { DATA_KEY: hex(key(1)) }).stdout.text()

  test.each([
    ['in a directory that may not either', 0o555],
    ['in a directory that may', 0o777],
  ])('%s is one clear fault', async (_, mode) => {
    const path = freshPath()
    await identityOf(path, { dataKey: key(1) })
    chmodSync(path, 0o444)
    chmodSync(join(path, '..'), mode)
    const before = readFileSync(path, 'hex')
    expect(await asNobody(path)).toStartWith(`StoreFault: The database ${path} cannot be used: `)
    expect(readFileSync(path, 'hex')).toBe(before)
    chmodSync(join(path, '..'), 0o755)
  })

  test('because its directory may not is one clear fault', async () => {
    const path = freshPath()
    chmodSync(join(path, '..'), 0o555)
    expect(await asNobody(path)).toContain('StoreFault: ')
    expect(existsSync(path)).toBe(false)
    chmodSync(join(path, '..'), 0o755)
  })
})

describe('a fault of the database', () => {
  test('is its missing directory', async () => {
    const path = join(freshDirectory(), 'none', 'sealgate.db')
    const fault = await faultOf(open(path))
    expect(fault).toBeInstanceOf(StoreFault)
    expect(fault.message).toContain('its directory is missing')
    expect(existsSync(join(path, '..'))).toBe(false)
  })

  test('is a schema newer than this program', async () => {
    const path = freshPath()
    await identityOf(path)
    const file = new Database(path)
    file.run('INSERT INTO migrations (number) VALUES (99)')
    file.close()
    await untouched(path, async () => {
      const fault = await faultOf(open(path))
      expect(fault).toBeInstanceOf(StoreFault)
      expect(fault.message).toContain('schema 99')
    })
  })

  test.each([16, 4096, 100_000])('is a file of %d random bytes, which stays as it is', async length => {
    const path = freshPath()
    writeFileSync(path, crypto.getRandomValues(new Uint8Array(Math.min(length, 65_536))))
    await untouched(path, async () => {
      const fault = await faultOf(open(path))
      expect(fault).toBeInstanceOf(StoreFault)
      expect(fault.message).toContain(path)
    })
  })
})

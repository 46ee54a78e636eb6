import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KeyFault } from '../../src/store/keys.ts'
import { freshDirectory, untouched } from '../kit/directory.ts'
import { faultOf, hex, identityOf, key, open } from '../kit/opening.ts'
import { otherProcess } from '../kit/other-process.ts'

const freshPath = () => join(freshDirectory(), 'sealgate.db')

describe('a new SQLite database', () => {
  test('makes a key file beside it that only its owner may read', async () => {
    const path = freshPath()
    const umask = process.umask(0)
    await identityOf(`sqlite:${path}`)
    process.umask(umask)
    expect(readFileSync(`${path}.key`, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/)
    expect(statSync(`${path}.key`).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(path, '..')).filter(name => name.includes('key'))).toEqual(['sealgate.db.key'])
  })

  test('does not hold the key', async () => {
    const path = freshPath()
    const { store, keys } = await open(`sqlite:${path}`)
    const root = readFileSync(`${path}.key`, 'utf8').trim()
    const bytes = Buffer.concat([readFileSync(path), readFileSync(`${path}-wal`)])
    await store.close()
    expect(bytes.includes('key_checks')).toBe(true)
    for (const secret of [root, hex(keys.identity)]) {
      expect(bytes.includes(secret)).toBe(false)
      expect(bytes.includes(Buffer.from(secret, 'hex'))).toBe(false)
    }
  })

  test('is whole in its one file once it is closed', async () => {
    const path = freshPath()
    await identityOf(`sqlite:${path}`)
    const elsewhere = freshPath()
    copyFileSync(path, elsewhere)
    const copy = new Database(elsewhere)
    expect(copy.query('SELECT role FROM key_checks ORDER BY role').all()).toEqual([
      { role: 'fields' },
      { role: 'identity' },
    ])
    copy.close()
  })

  test.each(['dataKey', 'agentKey'])('makes no key file when it is given a key: %s', async name => {
    const path = freshPath()
    await identityOf(`sqlite:${path}`, { [name]: key(1) })
    expect(existsSync(`${path}.key`)).toBe(false)
  })

  test('takes the key file that is already there', async () => {
    const path = freshPath()
    writeFileSync(`${path}.key`, hex(key(1)))
    expect(await identityOf(`sqlite:${path}`)).toBe(await identityOf(`sqlite:${freshPath()}`, { dataKey: key(1) }))
  })

  test('in memory leaves nothing behind, and never has the same key twice', async () => {
    expect(await identityOf('sqlite::memory:')).not.toBe(await identityOf('sqlite::memory:'))
    expect(existsSync(':memory:.key')).toBe(false)
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
    const fault = await faultOf(open(`sqlite:${path}`))
    expect(fault).toBeInstanceOf(KeyFault)
    expect(fault.message).not.toContain('hunter2')
    expect(fault.message).not.toContain('000')
    expect(readFileSync(`${path}.key`, 'utf8')).toBe(text)
  })

  test('that is a directory is a fault', async () => {
    const directory = freshDirectory()
    expect(
      await faultOf(
        open(`sqlite:${join(directory, 'a')}`, { dataKey: key(1) }).then(() => open(`sqlite:${directory}`)),
      ),
    ).toBeInstanceOf(Error)
    const path = join(directory, 'b')
    await Bun.write(join(`${path}.key`, 'inside'), '')
    expect(await faultOf(open(`sqlite:${path}`))).toBeInstanceOf(KeyFault)
  })

  test('that others may read is shut to them when it is read', async () => {
    const path = freshPath()
    writeFileSync(`${path}.key`, hex(key(1)), { mode: 0o644 })
    await identityOf(`sqlite:${path}`)
    expect(statSync(`${path}.key`).mode & 0o777).toBe(0o600)
  })

  test('is not read where a guest agent gives a key, and named where that does not fit', async () => {
    const path = freshPath()
    await identityOf(`sqlite:${path}`)
    writeFileSync(`${path}.key`, 'nobody reads this')
    await untouched(path, async () => {
      const fault = await faultOf(open(`sqlite:${path}`, { agentKey: key(1) }))
      expect(fault).toBeInstanceOf(KeyFault)
      expect(fault.message).toContain(`run \`sealgate rekey\` with DATA_KEY_PREVIOUS_FILE=${path}.key; else`)
    })
  })

  test('refuses a key file that was swapped', async () => {
    const path = freshPath()
    await identityOf(`sqlite:${path}`)
    writeFileSync(`${path}.key`, hex(key(2)))
    await untouched(path, async () => {
      expect(await faultOf(open(`sqlite:${path}`))).toBeInstanceOf(KeyFault)
    })
  })

  test('refuses to make a key in place of one that is missing', async () => {
    const path = freshPath()
    await identityOf(`sqlite:${path}`)
    unlinkSync(`${path}.key`)
    await untouched(path, async () => {
      const fault = await faultOf(open(`sqlite:${path}`))
      expect(fault).toBeInstanceOf(KeyFault)
      expect(fault.message).toContain(`${path}.key`)
    })
  })

  test('is one for ten processes that open one new database at the same moment', async () => {
    const path = freshPath()
    const processes = Array.from({ length: 10 }, () => otherProcess('open', `sqlite:${path}`))
    const said = await Promise.all(processes.map(({ stdout }) => stdout.text()))
    expect(new Set(said)).toEqual(new Set([`${await identityOf(`sqlite:${path}`)}\n`]))
    expect(readdirSync(join(path, '..')).filter(name => name.includes('.key'))).toEqual(['sealgate.db.key'])
  }, 60_000)
})

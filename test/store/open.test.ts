import { describe, expect, test } from 'bun:test'
import { KeyFault } from '../../src/store/keys.ts'
import { MIGRATIONS } from '../../src/store/migrations.ts'
import { openDatabase } from '../../src/store/open.ts'
import { rekey } from '../../src/store/rekey.ts'
import { StoreFault } from '../../src/store/store.ts'
import { DATA_KEY, openTest } from '../kit/database.ts'
import { engines } from '../kit/engines.ts'
import { faultOf, hex, identityOf, key, open } from '../kit/opening.ts'
import { otherProcess } from '../kit/other-process.ts'
import { leave, tracesOf } from '../kit/rekeying.ts'

const ALL = MIGRATIONS.map((_, index) => index + 1)

describe.each(engines)('a database on $name', ({ fresh, run }) => {
  const numbers = async (url: string) =>
    (await run(url, 'SELECT number FROM migrations ORDER BY number')).map(({ number }) => number)
  const rows = async (url: string) => [await numbers(url), await run(url, 'SELECT * FROM key_checks ORDER BY role')]

  test('opened again gives the same key, and migrates no more', async () => {
    const url = await fresh()
    const first = await identityOf(url, { dataKey: key(1) })
    const before = await rows(url)
    expect(await identityOf(url, { dataKey: key(1) })).toBe(first)
    expect(await rows(url)).toEqual(before)
    expect(before[0]).toEqual(ALL)
    expect(before[1]).toMatchObject([{ role: 'fields' }, { role: 'identity' }])
  })

  test('refuses another DATA_KEY and writes nothing', async () => {
    const url = await fresh()
    await identityOf(url, { dataKey: key(1) })
    const before = await rows(url)
    const fault = await faultOf(open(url, { dataKey: key(2) }))
    expect(fault).toBeInstanceOf(KeyFault)
    expect(fault.message).toContain('DATA_KEY')
    expect(fault.message).not.toContain(hex(key(2)))
    expect(await rows(url)).toEqual(before)
    expect(await identityOf(url, { dataKey: key(1) })).toHaveLength(64)
  })

  test('opens with the key of a guest agent as with that DATA_KEY, which goes before it', async () => {
    const url = await fresh()
    const sources: string[] = []
    for (const given of [{ agentKey: key(1) }, { dataKey: key(1) }, { dataKey: key(1), agentKey: key(2) }]) {
      const { store, keySource } = await open(url, given)
      await store.close()
      sources.push(keySource)
    }
    expect(sources).toEqual(['dstack', 'DATA_KEY', 'DATA_KEY'])
  })

  test('tells whether its identity key hangs on the root, or is one that somebody else may know', async () => {
    const sources: string[] = []
    const tell = async (url: string, given: Parameters<typeof open>[1]) => {
      const { store, identitySource } = await open(url, given)
      await store.close()
      sources.push(identitySource)
    }
    const [derived, given] = [await fresh(), await fresh()]
    await tell(derived, { agentKey: key(1) })
    await tell(given, { agentKey: key(1), identityKey: key(3) })
    leave(derived)
    const store = await openDatabase(derived)
    await rekey({ store, root: key(2), previous: key(1), identityKey: undefined, report: () => undefined })
    await store.close()
    await tell(derived, { agentKey: key(2) })
    expect(sources).toEqual(['root', 'given', 'kept'])
  })

  test('of another guest agent is refused in a line that names rekey, and nothing is written', async () => {
    const url = await fresh()
    await identityOf(url, { agentKey: key(1) })
    leave(url)
    const before = await tracesOf(url)
    const fault = await faultOf(open(url, { agentKey: key(2) }))
    expect(fault).toBeInstanceOf(KeyFault)
    expect(fault.message).toMatch(
      /^The key that this TEE's guest agent gives is not the one .* another application .*DATA_KEY_PREVIOUS; .*\.$/,
    )
    expect(await tracesOf(url)).toEqual(before)
  })

  test('with the right key of an agent and another IDENTITY_HASH_KEY is told that it is this', async () => {
    const url = await fresh()
    await identityOf(url, { agentKey: key(1), identityKey: key(3) })
    const fault = await faultOf(open(url, { agentKey: key(1), identityKey: key(4) }))
    expect(fault.message).toContain('IDENTITY_HASH_KEY')
  })

  test('refuses another IDENTITY_HASH_KEY, and none where there was one', async () => {
    const url = await fresh()
    const dataKey = key(1)
    expect(await identityOf(url, { dataKey, identityKey: key(3) })).toBe(hex(key(3)))
    expect(await faultOf(open(url, { dataKey, identityKey: key(4) }))).toBeInstanceOf(KeyFault)
    expect(await faultOf(open(url, { dataKey }))).toBeInstanceOf(KeyFault)
    expect(await identityOf(url, { dataKey, identityKey: key(3) })).toBe(hex(key(3)))
  })

  test('refuses to be taken over by an IDENTITY_HASH_KEY where there was none', async () => {
    const url = await fresh()
    await identityOf(url, { dataKey: key(1) })
    expect(await faultOf(open(url, { dataKey: key(1), identityKey: key(3) }))).toBeInstanceOf(KeyFault)
  })

  test('with a schema newer than this program is a fault, and stays as it is', async () => {
    const url = await fresh()
    await identityOf(url, { dataKey: key(1) })
    await run(url, 'INSERT INTO migrations (number) VALUES (99) RETURNING number')
    const before = await rows(url)
    const fault = await faultOf(open(url, { dataKey: key(1) }))
    expect(fault).toBeInstanceOf(StoreFault)
    expect(fault.message).toContain('has schema 99')
    expect(await rows(url)).toEqual(before)
  })

  test('of another application is a fault, and gets no table of ours', async () => {
    const url = await fresh()
    await run(url, 'CREATE TABLE their_notes (number BIGINT)')
    const fault = await faultOf(open(url, { dataKey: key(1) }))
    expect(fault).toBeInstanceOf(StoreFault)
    expect(fault.message).toContain('belongs to another application')
    expect(await faultOf(run(url, 'SELECT number FROM migrations'))).toBeInstanceOf(Error)
  })

  test('is migrated as often as it is asked, and nothing changes the second time', async () => {
    const url = await fresh()
    const store = await openTest(url)
    await run(url, "INSERT INTO limits (owner, full_at) VALUES ('j_ada', 7) RETURNING owner")
    await store.migrate()
    await store.close()
    expect(await run(url, 'SELECT owner, full_at FROM limits')).toEqual([{ owner: 'j_ada', full_at: 7 }])
  })

  test('that is new is migrated once by ten processes that start at the same moment', async () => {
    const url = await fresh()
    const processes = Array.from({ length: 10 }, () => otherProcess('open', url, { DATA_KEY }))
    const said = await Promise.all(processes.map(({ stdout }) => stdout.text()))
    const faults = await Promise.all(processes.map(({ stderr }) => stderr.text()))
    expect(faults.join('')).toBe('')
    expect(new Set(said)).toEqual(new Set([`${await identityOf(url, { dataKey: Buffer.from(DATA_KEY, 'hex') })}\n`]))
    expect(await numbers(url)).toEqual(ALL)
  }, 60_000)

  test('that is new and opened with two keys at the same moment refuses one of them', async () => {
    const url = await fresh()
    const both = await Promise.allSettled([open(url, { dataKey: key(1) }), open(url, { dataKey: key(2) })])
    const opened = both.flatMap(end => (end.status === 'fulfilled' ? [end.value] : []))
    const refused = both.flatMap(end => (end.status === 'rejected' ? [end.reason] : []))
    for (const { store } of opened) await store.close()
    expect(opened).toHaveLength(1)
    expect(refused[0]).toBeInstanceOf(KeyFault)
  })
})

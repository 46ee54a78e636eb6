import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { Glob } from 'bun'
import { audit } from '../../src/gate/audit.ts'
import { engines } from '../kit/engines.ts'
import { population } from '../kit/population.ts'

describe.each(engines)('on $name', ({ fresh }) => {
  const people = population(fresh)

  test('what was changed is told the latest first, in pages, and the total past their end too', async () => {
    const { clock, store, one } = people()
    const { entered, list } = audit(one.deps)
    const before = (await list({ limit: 1, offset: 0 })).total
    const admin = `u_${crypto.randomUUID()}`
    for (const reason of ['first', 'second']) {
      clock.pass(1)
      await store.atomically([entered({ admin, action: 'owners.ban', about: 'j_1', details: { reason } })])
    }
    clock.pass(1)
    await store.atomically([entered({ admin, action: 'vpc.revoke', about: null, details: null })])
    const { entries, total } = await list({ limit: 2, offset: 0 })
    expect(total).toBe(before + 3)
    expect(entries).toMatchObject([
      { at: clock.now(), admin, action: 'vpc.revoke', about: null, details: null },
      { at: clock.now() - 1, admin, action: 'owners.ban', about: 'j_1', details: { reason: 'second' } },
    ])
    expect((await list({ limit: 1, offset: 2 })).entries).toMatchObject([{ details: { reason: 'first' } }])
    expect(await list({ limit: 20, offset: total })).toEqual({ entries: [], total })
  })

  test('what was given with a change opens for that change alone', async () => {
    const { store, one } = people()
    const { entered, list } = audit(one.deps)
    const deed = { admin: 'u_1', action: 'owners.ban', about: 'j_2' } as const
    const [first, second] = ['a', 'b'].map(reason => entered({ ...deed, details: { reason } }))
    if (!first || !second) throw new TypeError('two were made')
    await store.atomically([{ ...first, values: { ...first.values, details: second.values['details'] } }])
    await expect(list({ limit: 100, offset: 0 })).rejects.toThrow('does not open')
  })
})

test('entries are only added: what alone knows the table but for rekeys has no statement that changes or deletes', async () => {
  const root = join(import.meta.dir, '..', '..', 'src')
  const sources = await Promise.all(
    [...new Glob('**/*.ts').scanSync(root)].map(async name => ({
      name,
      text: await Bun.file(join(root, name)).text(),
    })),
  )
  const imports = /import \{[^}]*\baudit\b[^}]*\} from '[^']*operators-schema\.ts'/
  const knowing = sources.filter(({ text }) => imports.test(text) || /\* as .*operators-schema/.test(text))
  expect(knowing.map(({ name }) => name).sort()).toEqual(['gate/audit.ts', 'store/sealed-columns.ts'])
  const [own] = knowing.filter(({ name }) => name === 'gate/audit.ts')
  const asked = own?.text.match(/\.(?:insert|select|update|delete|onConflict\w*)\(/g) ?? []
  expect(new Set(asked)).toEqual(new Set(['.insert(', '.select(']))
  const changing = /\b(?:update|delete from|replace into|truncate|drop table|alter table)\s+"?audit\b/i
  expect(sources.filter(({ text }) => changing.test(text)).map(({ name }) => name)).toEqual([])
})

import { expect, test } from 'bun:test'
import { settings } from '../../src/features/users/settings.ts'
import { fields } from '../../src/store/fields.ts'
import { MIGRATIONS } from '../../src/store/migrations.ts'
import { apiKeys, userSettings, users } from '../../src/store/schema.ts'
import { LOOKUP_COLUMNS, SEALED_COLUMNS } from '../../src/store/sealed-columns.ts'
import { people } from '../kit/people.ts'

const ddl = MIGRATIONS.flat().join('\n')
const columnsOf = (table: string) => new RegExp(`CREATE TABLE ${table} \\((.*)\\)`).exec(ddl)?.[1] ?? ''

test('every sealed column, its row and its lookup are in the schema', () => {
  for (const { table, column, row } of [...SEALED_COLUMNS, ...LOOKUP_COLUMNS])
    for (const name of [column, row]) expect(columnsOf(table)).toMatch(new RegExp(`\\b${name} TEXT`))
  for (const { table, of } of LOOKUP_COLUMNS)
    expect(SEALED_COLUMNS.some(sealed => sealed.table === table && sealed.column === of)).toBe(true)
})

test('the columns of the list hold sealed values, and no others do', async () => {
  const { one, store, keys, clock } = await people()
  const { user } = await one.signIn({ email: 'a@b', name: 'Ada', avatarUrl: 'https://a.example' })
  await one.apiKeys.make(user, { name: 'laptop', expiresAt: null })
  const set = settings({ store, fields: fields(keys.fields), now: clock.now })
  await set.patch(user, { notification: true, system_prompt: 'x', web_search: undefined, appearance: undefined })
  const sealed: string[] = []
  for (const [name, table] of Object.entries({ users, user_settings: userSettings, api_keys: apiKeys }))
    for (const row of await store.db.select().from(table))
      for (const [column, value] of Object.entries(row))
        if (String(value).startsWith('f1.'))
          sealed.push(`${name}.${column.replace(/[A-Z]/g, it => `_${it.toLowerCase()}`)}`)
  expect(sealed.sort()).toEqual(SEALED_COLUMNS.map(({ table, column }) => `${table}.${column}`).sort())
})

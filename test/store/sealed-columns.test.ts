import { expect, test } from 'bun:test'
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

test('every value that is stored sealed is in a column of the list, and every such column holds sealed ones', async () => {
  const { one, store } = await people()
  const { user } = await one.signIn()
  await one.apiKeys.make(user, { name: 'laptop', expiresAt: null })
  const tables = { users, api_keys: apiKeys, user_settings: userSettings }
  const sealed: string[] = []
  for (const [name, table] of Object.entries(tables))
    for (const row of await store.db.select().from(table))
      for (const [column, value] of Object.entries(row))
        if (String(value).startsWith('f1.')) sealed.push(`${name}.${column}`)
  const listed = SEALED_COLUMNS.map(({ table, column }) => `${table}.${column}`)
  expect(sealed.length).toBeGreaterThan(0)
  expect(sealed.filter(name => !listed.includes(name as (typeof listed)[0]))).toEqual([])
})

import { describe, expect, test } from 'bun:test'
import { getTableName } from 'drizzle-orm'
import { settings } from '../../src/features/users/settings.ts'
import { fields } from '../../src/store/fields.ts'
import { apiKeys, userSettings, users } from '../../src/store/schema.ts'
import { lookupColumns, sealedColumns } from '../../src/store/sealed-columns.ts'
import { engines } from '../kit/engines.ts'
import { population } from '../kit/population.ts'

test('every lookup is of a sealed column', () => {
  for (const { of } of lookupColumns) expect(sealedColumns.map(({ column }) => column)).toContain(of)
})

describe.each(engines)('on $name', ({ fresh }) => {
  const people = population(fresh)

  test('the columns of the list hold sealed values, and no others do', async () => {
    const { one, store, keys, clock } = people()
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
    expect(sealed.sort()).toEqual(
      sealedColumns.map(({ table, column }) => `${getTableName(table)}.${column.name}`).sort(),
    )
  })
})

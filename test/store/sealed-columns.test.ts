import { describe, expect, test } from 'bun:test'
import { getTableName } from 'drizzle-orm'
import { states } from '../../src/features/auth/states.ts'
import { fileRows } from '../../src/features/files/rows.ts'
import { settings } from '../../src/features/users/settings.ts'
import { rules } from '../../src/gate/rules.ts'
import { fields } from '../../src/store/fields.ts'
import { audit as audits, bans, models } from '../../src/store/operators-schema.ts'
import {
  apiKeys,
  belongings,
  files,
  keptSecrets,
  linkedAccounts,
  receipts,
  sessions,
  signIns,
  userSettings,
  users,
} from '../../src/store/schema.ts'
import { lookupColumns, sealedColumns } from '../../src/store/sealed-columns.ts'
import { keptKey } from '../../src/upstream/kept-key.ts'
import { engines } from '../kit/engines.ts'
import { identity } from '../kit/identity.ts'
import { population } from '../kit/population.ts'
import { attempt } from '../kit/sign-ins.ts'

test('every lookup is of a sealed column', () => {
  for (const { of } of lookupColumns) expect(sealedColumns.map(({ column }) => column)).toContain(of)
})

describe.each(engines)('on $name', ({ fresh }) => {
  const people = population(fresh)

  test('the columns of the list hold sealed values, and no others do', async () => {
    const { one, store, keys, clock } = people()
    const { user } = await one.meet(identity({ name: 'Ada', avatarUrl: 'https://a.example' }))
    await one.sessions.begin({ user, isNew: true, method: 'google', email: 'a@b', domain: null })
    await one.apiKeys.make(user, { name: 'laptop', expiresAt: null })
    const kept = { store, fields: fields(keys.fields), now: clock.now }
    await states(kept).begin(
      { provider: 'google', attempt: attempt(), callback: 'https://a.example', challenge: null },
      'b',
    )
    const set = settings(kept)
    await set.patch(user, { notification: true, system_prompt: 'x', web_search: undefined, appearance: undefined })
    await keptKey('vpc', { store, fields: fields(keys.fields), now: clock.now }).replace(undefined, 'sk-1')
    const file = { kind: 'file' as const, id: 'file-1', owner: 'u_1', createdAt: 1, usedAt: 1 }
    await store.db.insert(belongings).values(file).prepare().execute()
    const told = { id: 'file-1', bytes: 1, createdAt: 1, expiresAt: null, filename: 'x', purpose: 'y' }
    await store.atomically([fileRows(kept).noted('u_1', told)])
    await rules(kept).change([{ id: 'a', prompt: 'Be brief.' }], 'u_1')
    const content = fields(keys.fields).seal({ table: 'receipts', column: 'content', row: 'rcpt_1' }, 'x')
    await store.db.insert(receipts).values({ id: 'rcpt_1', owner: 'j_1', content }).prepare().execute()
    const reason = fields(keys.fields).seal({ table: 'bans', column: 'reason', row: 'j_1' }, 'x')
    await store.db.insert(bans).values({ owner: 'j_1', reason, bannedBy: 'u_1', at: 1 }).prepare().execute()
    const sealed: string[] = []
    const tables = {
      ...{ users, user_settings: userSettings, api_keys: apiKeys, sessions, files },
      ...{ linked_accounts: linkedAccounts, kept_secrets: keptSecrets, sign_ins: signIns, models, receipts },
      ...{ audit: audits, bans },
    }
    for (const [name, table] of Object.entries(tables))
      for (const row of await store.db.select().from(table))
        for (const [column, value] of Object.entries(row))
          if (String(value).startsWith('f1.'))
            sealed.push(`${name}.${column.replace(/[A-Z]/g, it => `_${it.toLowerCase()}`)}`)
    expect(sealed.sort()).toEqual(
      sealedColumns.map(({ table, column }) => `${getTableName(table)}.${column.name}`).sort(),
    )
  })
})

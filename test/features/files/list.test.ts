import { expect, test } from 'bun:test'
import { listed } from '../../../src/features/files/list.ts'
import { fileRows } from '../../../src/features/files/rows.ts'
import { fields } from '../../../src/store/fields.ts'
import { belongings } from '../../../src/store/schema.ts'
import { openTest } from '../../kit/database.ts'

test('a list that takes more than one look at the database holds each file, and knows whether there are more', async () => {
  const store = await openTest('sqlite::memory:')
  const rows = fileRows({ store, fields: fields(new Uint8Array(32)) })
  const ids = Array.from({ length: 401 }, (_, at) => `file-${1000 + at}`)
  for (const id of ids) {
    const thing = { kind: 'file' as const, id, owner: 'u_ada', createdAt: 0, usedAt: 0 }
    const told = { id, bytes: 1, createdAt: 1, expiresAt: null, filename: 'x', purpose: 'batch' }
    await store.db.insert(belongings).values(thing).prepare().execute()
    await store.atomically([rows.noted('u_ada', told)])
  }
  for (const [limit, isMore] of [
    [10_000, false],
    [401, false],
    [400, true],
    [200, true],
  ] as const) {
    const answer = await listed(rows, 'u_ada', `?order=asc&limit=${limit}`)
    const { data, has_more, last_id } = (await answer.json()) as {
      data: { id: string }[]
      has_more: boolean
      last_id: string
    }
    const page = ids.slice(0, limit)
    expect([data.map(({ id }) => id), has_more, last_id]).toEqual([page, isMore, page.at(-1) ?? ''])
  }
  await store.close()
})

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { belongings } from '../../src/gate/belongings.ts'
import { belongings as table } from '../../src/store/schema.ts'
import type { Store } from '../../src/store/store.ts'
import { clockAt } from '../kit/clock.ts'
import { openTest } from '../kit/database.ts'
import { engines } from '../kit/engines.ts'
import { outcome } from '../kit/problem.ts'

describe.each(engines)('on $name', ({ fresh }) => {
  let store: Store
  const clock = clockAt()
  beforeAll(async () => {
    store = await openTest(await fresh())
    const mine = { owner: 'j_ada', createdAt: 1, usedAt: 1 }
    const rows = [
      { kind: 'conversation' as const, id: 'conv_a', ...mine },
      { kind: 'file' as const, id: 'file-a', ...mine },
      { kind: 'conversation' as const, id: 'conv_b', ...mine, owner: 'j_bob' },
      { kind: 'conversation' as const, id: 'conv_0', ...mine, owner: null },
    ]
    await store.db.insert(table).values(rows).prepare().execute()
  })
  afterAll(() => store.close())

  const conversation = (id: string) => ({ kind: 'conversation', id }) as const
  const file = { kind: 'file', id: 'file-a' } as const
  const usedAt = async (id: string) =>
    (await store.db.select().from(table).prepare().execute()).find(row => row.id === id)?.usedAt

  test.each(['check', 'use'] as const)('what is one’s own passes a %s, and only all of it', async way => {
    const owned = belongings({ store, now: clock.now })
    const of = (...references: Parameters<typeof owned.check>[1]) => outcome(() => owned[way]('j_ada', references))
    expect(await of()).toBe('fine')
    expect(await of(conversation('conv_a'), file)).toBe('fine')
    for (const id of ['conv_b', 'conv_0', 'CONV_a', 'conv_a ', 'file-a', ''])
      expect([id, await of(file, conversation(id))]).toEqual([id, 'not_found'])
    expect(await of({ kind: 'file', id: 'conv_a' })).toBe('not_found')
  })

  test('a conversation that is used is the last used, never earlier, and nothing else is touched', async () => {
    const owned = belongings({ store, now: clock.now })
    const at = clock.now()
    await owned.use('j_ada', [conversation('conv_a'), file])
    expect([await usedAt('conv_a'), await usedAt('file-a'), await usedAt('conv_b')]).toEqual([at, 1, 1])
    await belongings({ store, now: () => at - 1000 }).use('j_ada', [conversation('conv_a')])
    expect(await usedAt('conv_a')).toBe(at)
  })

  test('what is forgotten is one’s own only', async () => {
    const owned = belongings({ store, now: clock.now })
    await owned.forget('j_ada', conversation('conv_b'))
    await owned.check('j_bob', [conversation('conv_b')])
    await owned.forget('j_bob', conversation('conv_b'))
    expect(await outcome(() => owned.check('j_bob', [conversation('conv_b')]))).toBe('not_found')
  })
})

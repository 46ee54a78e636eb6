import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Account, account } from '../../kit/account.ts'
import { engines } from '../../kit/engines.ts'
import { type Owning, owning } from '../../kit/owning.ts'

interface Told {
  readonly models: readonly { model_id: string; settings: { public: boolean; system_prompt?: string } }[]
  readonly limit: number
  readonly offset: number
  readonly total: number
}

describe.each(engines)('on $name', ({ fresh }) => {
  let at: Owning
  let root: Account
  beforeAll(async () => {
    at = await owning(await fresh(), { admins: { emails: ['root@example.com'] }, mockLogin: true })
    root = await account(at.kit, 'root@example.com')
  })
  afterAll(() => at.stop())

  const codeOf = async (answer: Response) =>
    answer.ok ? 'ok' : ((await answer.json()) as { error: { code: string } }).error.code
  const list = (query = '') => root.told<Told>('GET', `/admin/models${query}`)
  const change = (body: unknown, query = '') => root.ask('PATCH', `/admin/models${query}`, body)
  const remove = (id: string) => root.ask('DELETE', `/admin/models/${id}`)

  test('rules are made, merged, told in the order that was asked, and taken back', async () => {
    const made = await change({ 'stand-in/small': { system_prompt: 'Be brief.' }, 'stand-in/large': { public: false } })
    expect([made.status, await made.json()]).toEqual([
      200,
      [
        { model_id: 'stand-in/small', settings: { public: true, system_prompt: 'Be brief.' } },
        { model_id: 'stand-in/large', settings: { public: false } },
      ],
    ])
    const merged = await change({ 'STAND-IN/small': { public: false }, 'stand-in/large': {} })
    expect(await merged.json()).toEqual([
      { model_id: 'STAND-IN/small', settings: { public: false, system_prompt: 'Be brief.' } },
      { model_id: 'stand-in/large', settings: { public: false } },
    ])
    await change({ 'stand-in/small': { public: null, system_prompt: null } })
    const models = [
      { model_id: 'stand-in/large', settings: { public: false } },
      { model_id: 'stand-in/small', settings: { public: true } },
    ]
    expect(await list()).toEqual({ models, limit: 20, offset: 0, total: 2 })
    expect(await list('?limit=1&offset=1')).toEqual({ models: models.slice(1), limit: 1, offset: 1, total: 2 })
    expect(await list('?offset=5')).toEqual({ models: [], limit: 20, offset: 5, total: 2 })
    expect((await remove('Stand-In/LARGE')).status).toBe(204)
    expect([(await remove('stand-in/large')).status, (await remove('stand-in/small')).status]).toEqual([404, 204])
    expect((await list()).total).toBe(0)
  })

  test('a model that no backend lists is ruled about only by force', async () => {
    const body = { 'not/there yet': { public: false } }
    expect(await codeOf(await change(body))).toBe('invalid_body')
    expect((await change(body, '?force=true')).status).toBe(200)
    expect(await codeOf(await remove('not%2Fthere%20yet'))).toBe('malformed_target')
    expect((await remove('not/there%20yet')).status).toBe(204)
    expect((await remove('%ff')).status).toBe(404)
  })

  test.each<[string, unknown]>([
    ['no model', {}],
    ['a list', []],
    ['an empty id', { '': {} }],
    ['a blank id', { '  ': {} }],
    ['one model in two spellings', { 'stand-in/small': {}, 'STAND-IN/small': {} }],
    ['another setting', { 'stand-in/small': { publc: false } }],
    ['a flag that is none', { 'stand-in/small': { public: 'false' } }],
    ['a prompt that is too long', { 'stand-in/small': { system_prompt: 'ä'.repeat(32_769) } }],
    ['a good one and a bad one', { 'stand-in/small': { public: false }, nowhere: {} }],
  ])('%s is refused, and nothing is written', async (_, body) => {
    expect(['invalid_body', 'malformed_json']).toContain(await codeOf(await change(body)))
    expect((await list()).total).toBe(0)
  })

  test('what is no object of settings is refused as that', async () => {
    for (const settings of [1, null, true, []]) {
      const { error } = (await (await change({ 'stand-in/small': settings })).json()) as { error: { message: string } }
      expect(error.message).toBe('Invalid body: what it says of a model must be an object, as {"public":false}.')
    }
  })

  test.each(['a%b', 'a\\b', '/a', 'a//b', '..', 'a/./b'])('the id %p, which no path can hold, is refused', async id => {
    expect(await codeOf(await change({ [id]: { public: false } }, '?force=true'))).toBe('invalid_body')
  })

  test.each(['a/', '.a./b..', 'a?b#c', 'a;b:[1]', 'ä \u{1f512}'])(
    'the id %p is ruled about and forgotten',
    async id => {
      expect((await change({ [id]: { public: false } }, '?force=true')).status).toBe(200)
      expect((await remove(encodeURIComponent(id).replaceAll('%2F', '/'))).status).toBe(204)
    },
  )

  test.each(['limit=0', 'limit=101', 'offset=-1', 'limit=1&limit=1', 'after=x'])(
    'the query %s is refused',
    async query => {
      expect(await codeOf(await root.ask('GET', `/admin/models?${query}`))).toBe('invalid_query')
    },
  )

  test('a prompt of 65,536 bytes is kept, and sealed', async () => {
    const prompt = 'ä'.repeat(32_768)
    expect((await change({ 'stand-in/small': { system_prompt: prompt } })).status).toBe(200)
    expect((await list()).models[0]?.settings.system_prompt).toBe(prompt)
    expect((await remove('stand-in/small')).status).toBe(204)
  })

  test('all prompts together are of a mebibyte at most: each process reads them all, time and again', async () => {
    const [half, full] = ['x'.repeat(32_768), 'x'.repeat(65_536)]
    const named = (from: number, count: number, system_prompt: string | null) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`m${from + at}`, { system_prompt }]))
    for (let from = 0; from < 15; from += 3)
      expect((await change(named(from, 3, full), '?force=true')).status).toBe(200)
    expect((await change({ ...named(15, 1, half), ...named(16, 1, half) }, '?force=true')).status).toBe(200)
    expect(await codeOf(await change(named(17, 1, 'x'), '?force=true'))).toBe('invalid_body')
    expect((await change({ ...named(0, 1, half), ...named(17, 1, half) }, '?force=true')).status).toBe(200)
    for (let at = 0; at < 18; at++) expect((await remove(`m${at}`)).status).toBe(204)
  })

  test('whoever does not administer is refused, whatever they ask, and the backend hears nothing', async () => {
    const eve = await account(at.kit, 'eve@example.com')
    const before = at.heard.length
    for (const [method, path, body] of [
      ['GET', '/admin/models', undefined],
      ['PATCH', '/admin/models', { 'stand-in/small': { public: false } }],
      ['DELETE', '/admin/models/stand-in/small', undefined],
    ] as const)
      expect(await codeOf(await eve.ask(method, path, body))).toBe('admin_required')
    expect(at.heard.length).toBe(before)
  })
})

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import OpenAI from 'openai'
import { engines } from '../kit/engines.ts'
import { type Owning, owning } from '../kit/owning.ts'

describe.each(engines)('on $name', ({ fresh }) => {
  let at: Owning
  beforeAll(async () => {
    at = await owning(await fresh())
  })
  afterAll(() => at.stop())

  /** OpenAI's own client, with the caller's token in place of a key, and a conversation of theirs. */
  async function talking() {
    const caller = await at.jwt(crypto.randomUUID())
    const apiKey = caller.headers.authorization.slice('Bearer '.length)
    const openai = new OpenAI({ baseURL: `${at.kit.url}/v1`, apiKey, maxRetries: 0 })
    const list = async () => {
      const { data } = await caller.told<{ data: { id: string }[] }>('GET', '/conversations')
      return data.map(({ id }) => id)
    }
    return { openai, list, id: await at.begun(caller) }
  }

  const said = (content: string) => ({ type: 'message' as const, role: 'user' as const, content })

  test('a front end begins conversations, lists them, and deletes one', async () => {
    const { openai, list } = await talking()
    const items = [said('Hello')]
    const first = await openai.conversations.create({ metadata: { title: 'Tea' }, items })
    const second = await openai.conversations.create()
    expect((await openai.conversations.items.list(first.id)).data).toHaveLength(1)
    expect((await list()).slice(0, 2)).toEqual([second.id, first.id])
    expect(await openai.conversations.delete(second.id)).toMatchObject({ id: second.id, deleted: true })
    expect(await list()).not.toContain(second.id)
    const gone = await openai.conversations.retrieve(second.id).catch(error => error)
    expect(gone).toBeInstanceOf(OpenAI.NotFoundError)
  })

  test('a front end renames a conversation and reads it again', async () => {
    const { openai, id } = await talking()
    const renamed = await openai.conversations.update(id, { metadata: { title: 'Tea' } })
    expect(renamed).toMatchObject({ id, object: 'conversation', metadata: { title: 'Tea' } })
    expect(await openai.conversations.retrieve(id)).toEqual(renamed)
  })

  test('a front end adds items, pages through them, reads one and removes it', async () => {
    const { openai, id } = await talking()
    const texts = ['one', 'two', 'three', 'four', 'five']
    const { data } = await openai.conversations.items.create(id, { items: texts.map(said) })
    expect(data).toHaveLength(5)
    const seen: string[] = []
    for await (const item of openai.conversations.items.list(id, { limit: 2, order: 'asc' })) seen.push(item.id ?? '')
    expect(seen).toEqual(data.map(item => item.id ?? ''))
    const [first = ''] = seen
    expect(await openai.conversations.items.retrieve(first, { conversation_id: id })).toMatchObject({ id: first })
    await openai.conversations.items.delete(first, { conversation_id: id })
    const gone = await openai.conversations.items.retrieve(first, { conversation_id: id }).catch(error => error)
    expect(gone).toBeInstanceOf(OpenAI.NotFoundError)
  })

  test('a front end goes on with its conversation in a response', async () => {
    const { openai, list, id } = await talking()
    const { id: later } = await openai.conversations.create()
    expect(await list()).toEqual([later, id])
    const response = await openai.responses.create({ model: 'stand-in/small', input: 'Hello there', conversation: id })
    expect(response.output_text).toContain('Hello there')
    expect((await openai.conversations.items.list(id)).data.length).toBeGreaterThan(1)
    // What was used last comes first.
    expect(await list()).toEqual([id, later])
  })

  test('a front end that asks for somebody else’s is told that there is no such thing', async () => {
    const [{ openai }, { id }] = [await talking(), await talking()]
    const refused = await openai.conversations.retrieve(id).catch(error => error)
    expect(refused).toBeInstanceOf(OpenAI.NotFoundError)
    expect(refused.code).toBe('not_found')
  })
})

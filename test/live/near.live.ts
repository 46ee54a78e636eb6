import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import OpenAI from 'openai'
import { type LiveGateway, liveGateway, named } from './gateway.ts'

// A backend shaped like OpenAI that keeps conversations, such as NEAR AI Cloud.
const { OPENAI_BASE_URL: base, OPENAI_API_KEY: key, LIVE_OPENAI_MODEL } = process.env
const has = base && key

let gateway: LiveGateway
let openai: OpenAI
let model: string
beforeAll(async () => {
  if (!has) return
  gateway = await liveGateway({ OPENAI_BASE_URL: base, OPENAI_API_KEY: key })
  openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.token })
  const { data } = await openai.models.list()
  const ids = data.map(({ id }) => id)
  model = LIVE_OPENAI_MODEL ?? ids.find(id => id.includes('gpt-oss')) ?? ids[0] ?? ''
})
afterAll(() => gateway?.stop())

const asking = () => ({ model, messages: [{ role: 'user' as const, content: 'Say hello.' }] })

describe('a backend that keeps conversations', () => {
  test.skipIf(!has)(named('lists its models', has), () => {
    expect(model).not.toBe('')
  })

  test.skipIf(!has)(named('answers a chat, in one piece and as a stream', has), async () => {
    expect((await openai.chat.completions.create(asking())).choices).not.toBeEmpty()
    let events = 0
    for await (const { object } of await openai.chat.completions.create({ ...asking(), stream: true }))
      if (object === 'chat.completion.chunk') events++
    expect(events).toBeGreaterThan(1)
  })

  test.skipIf(!has)(named('signs what it answered', has), async () => {
    const { id } = await openai.chat.completions.create(asking())
    const query = new URLSearchParams({ model, signing_algo: 'ecdsa' })
    const answer = await gateway.ask(`/signature/${id}?${query}`)
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('"signature"')])
  })

  test.skipIf(!has)(named('keeps a conversation, answers in it, and deletes it', has), async () => {
    const { id } = await openai.conversations.create({ metadata: { title: 'live' } })
    const response = await openai.responses.create({ model, input: 'Say hello.', conversation: id })
    expect(response.status).toBe('completed')
    expect((await openai.conversations.items.list(id)).data.length).toBeGreaterThan(1)
    const { data } = (await (await gateway.ask('/conversations')).json()) as { data: { id: string }[] }
    expect(data.map(one => one.id)).toContain(id)
    expect(await openai.conversations.delete(id)).toMatchObject({ deleted: true })
  })

  test.skipIf(!has)(named('takes a file, and deletes it', has), async () => {
    const file = new File(['hello\n'], 'hello.txt', { type: 'text/plain' })
    const { id } = await openai.files.create({ file, purpose: 'user_data' })
    expect(await (await openai.files.content(id)).text()).toBe('hello\n')
    expect(await openai.files.delete(id)).toMatchObject({ deleted: true })
  })
})

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { ChatOpenAI } from '@langchain/openai'
import { streamText } from 'ai'
import OpenAI from 'openai'
import { CLOUD_MODEL, CLOUD_TEXT } from '../kit/cloud.ts'
import { engines } from '../kit/engines.ts'
import { type Owning, owning } from '../kit/owning.ts'

describe.each(engines)('on $name', ({ fresh }) => {
  let at: Owning
  let baseURL: string
  let apiKey: string
  beforeAll(async () => {
    at = await owning(await fresh(), { isSealing: false })
    baseURL = `${at.kit.url}/v1`
    apiKey = (await at.jwt('ada')).headers.authorization.slice('Bearer '.length)
  })
  afterAll(() => at.stop())

  test('npm openai streams a chat', async () => {
    const openai = new OpenAI({ baseURL, apiKey, maxRetries: 0 })
    const messages = [{ role: 'user' as const, content: 'Hello there' }]
    const stream = await openai.chat.completions.create({ model: CLOUD_MODEL, messages, stream: true })
    let text = ''
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''
    expect(text).toBe(CLOUD_TEXT)
  })

  test('the Vercel AI SDK streams a chat', async () => {
    const provider = createOpenAICompatible({ name: 'sealgate', baseURL, apiKey, includeUsage: true })
    const { textStream, usage } = streamText({ model: provider(CLOUD_MODEL), prompt: 'Hello there', maxRetries: 0 })
    const pieces: string[] = []
    for await (const piece of textStream) pieces.push(piece)
    expect(pieces.join('')).toBe(CLOUD_TEXT)
    expect(pieces.length).toBeGreaterThan(5)
    expect((await usage).totalTokens).toBeGreaterThan(0)
  })

  test('LangChain streams a chat', async () => {
    const model = new ChatOpenAI({ model: CLOUD_MODEL, apiKey, maxRetries: 0, configuration: { baseURL } })
    const pieces: string[] = []
    for await (const chunk of await model.stream('Hello there')) pieces.push(chunk.text)
    expect(pieces.join('')).toBe(CLOUD_TEXT)
    expect(pieces.length).toBeGreaterThan(5)
  })
})

import { afterAll, beforeAll, expect, test } from 'bun:test'
import OpenAI from 'openai'
import { type StandInEnclave, standInEnclave } from '../../src/dev/enclave.ts'
import { type Kit, startGateway, UPSTREAM_KEY } from '../kit/gateway.ts'

let enclave: StandInEnclave
let gateway: Kit

beforeAll(async () => {
  enclave = await standInEnclave({ key: UPSTREAM_KEY, pace: 1 })
  gateway = await startGateway({ upstream: enclave.url, rpm: 60, burst: 10 })
})

afterAll(async () => {
  await gateway.stop()
  await enclave.stop()
})

/** OpenAI's own client, pointed at the gateway with a user's token in place of a key. */
async function client(subject: string, scope?: string): Promise<OpenAI> {
  const { authorization } = await gateway.bearer(subject, scope)
  return new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: authorization.slice('Bearer '.length), maxRetries: 0 })
}

const messages = [{ role: 'user' as const, content: 'Good morning' }]

test('a front end lists the models', async () => {
  const openai = await client('lists')
  const ids: string[] = []
  for await (const model of openai.models.list()) ids.push(model.id)
  expect(ids).toEqual(['stand-in-small', 'stand-in-large'])
})

test('a front end gets a chat answered in one piece', async () => {
  const openai = await client('asks')
  const completion = await openai.chat.completions.create({ model: 'any', messages })
  expect(completion.choices[0]?.message.content).toEndWith('You said: Good morning')
  expect(completion.usage?.total_tokens).toBeGreaterThan(0)
})

test('a front end streams a chat, token by token, usage last', async () => {
  const openai = await client('streams')
  const stream = await openai.chat.completions.create({
    model: 'any',
    messages,
    stream: true,
    stream_options: { include_usage: true },
  })
  let text = ''
  let pieces = 0
  let total = 0
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? ''
    pieces++
    total = chunk.usage?.total_tokens ?? total
  }
  expect(text).toEndWith('You said: Good morning')
  expect(pieces).toBeGreaterThan(5)
  expect(total).toBeGreaterThan(0)
})

test('a front end reads in its own words why it was refused', async () => {
  const stranger = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'not-a-token', maxRetries: 0 })
  const unknown = await stranger.models.list().then(undefined, error => error)
  expect(unknown).toBeInstanceOf(OpenAI.AuthenticationError)
  expect(unknown.message).toContain('Malformed token')

  const guest = await client('guest', 'profile')
  const refused = await guest.models.list().then(undefined, error => error)
  expect(refused).toBeInstanceOf(OpenAI.PermissionDeniedError)
  expect(refused.code).toBe('insufficient_scope')

  const hasty = await client('hasty')
  const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => hasty.models.list()))
  const limited = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason] : []))
  expect(limited).toHaveLength(2)
  expect(limited[0]).toBeInstanceOf(OpenAI.RateLimitError)
  expect(limited[0].message).toContain('Rate limit of 60 requests a minute reached')
  expect(Number(limited[0].headers.get('retry-after'))).toBe(1)
})

test('a program chats with an API key that its user made, until it is revoked', async () => {
  const { authorization } = await gateway.signIn()
  const keys = `${gateway.url}/v1/users/me/keys`
  const headers = { authorization }
  const made = await fetch(keys, { method: 'POST', headers, body: JSON.stringify({ name: 'my program' }) })
  const { id, key } = (await made.json()) as { id: string; key: string }
  const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: key, maxRetries: 0 })
  const completion = await openai.chat.completions.create({ model: 'any', messages })
  expect(completion.choices[0]?.message.content).toEndWith('You said: Good morning')
  await fetch(`${keys}/${id}`, { method: 'DELETE', headers })
  const refused = await openai.models.list().then(undefined, error => error)
  expect(refused).toBeInstanceOf(OpenAI.AuthenticationError)
  expect(refused.code).toBe('key_not_found')
})

test('a front end that retries is told when, and succeeds then', async () => {
  const { authorization } = await gateway.bearer('patient')
  const openai = new OpenAI({
    baseURL: `${gateway.url}/v1`,
    apiKey: authorization.slice('Bearer '.length),
    maxRetries: 1,
  })
  await Promise.all(Array.from({ length: 10 }, () => openai.models.list()))
  const started = performance.now()
  await openai.models.list()
  expect(performance.now() - started).toBeGreaterThan(500)
})

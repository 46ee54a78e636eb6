import { afterEach, describe, expect, test } from 'bun:test'
import { createTransport, KeyConfigMismatchError } from 'ehbp'
import OpenAI from 'openai'
import { type Entry, type StandInOptions, standInEnclave } from '../../src/dev/enclave.ts'
import { rawRequest, requestBytes } from '../kit/raw.ts'
import { eventually } from '../kit/stage.ts'

const KEY = 'tk_test'
const TEXT = 'Stand-in backend, no model behind it. You said: Hello there'
const chat = { model: 'any-name', messages: [{ role: 'user', content: 'Hello there' }] }
const running: { stop(): Promise<void> }[] = []

async function start(options: Partial<StandInOptions> = {}) {
  const enclave = await standInEnclave({ key: KEY, pace: 0, ...options })
  running.push(enclave)
  return enclave
}

afterEach(async () => {
  await Promise.all(running.splice(0).map(enclave => enclave.stop()))
})

function asking(body: unknown, init: RequestInit = {}): RequestInit {
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
  return { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body), ...init }
}

function eventsOf(text: string) {
  const events = text.trimEnd().split('\n\n')
  expect(events.at(-1)).toBe('data: [DONE]')
  return events.slice(0, -1).map(event => JSON.parse(event.slice('data: '.length)))
}

const contentOf = (events: ReturnType<typeof eventsOf>) =>
  events.map(({ choices }) => choices[0]?.delta.content ?? '').join('')

describe('in plaintext, the stand-in', () => {
  test('serves its key configuration to anyone', async () => {
    const enclave = await start()
    const answer = await fetch(`${enclave.url}/.well-known/hpke-keys`)
    expect(answer.headers.get('content-type')).toBe('application/ohttp-keys')
    const hex = Buffer.from(await answer.bytes()).toString('hex')
    expect(hex).toBe(`000020${enclave.hpkePublicKeyHex}000400010002`)
  })

  test('lists models that say what they are, to anyone', async () => {
    const { url } = await start()
    const { object, data } = (await (await fetch(`${url}/v1/models`)).json()) as {
      object: string
      data: { id: string }[]
    }
    expect(object).toBe('list')
    for (const { id } of data) expect(id).toStartWith('stand-in-')
  })

  test('answers a chat in one piece', async () => {
    const { url } = await start()
    const answer = await (await fetch(`${url}/v1/chat/completions`, asking(chat))).json()
    expect(answer).toMatchObject({
      object: 'chat.completion',
      model: 'any-name',
      choices: [{ index: 0, message: { role: 'assistant', content: TEXT }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 2, completion_tokens: 10, total_tokens: 12 },
    })
  })

  test('quotes the last user message, of several and in parts', async () => {
    const { url } = await start()
    const content = [{ type: 'text', text: 'Hello ' }, { type: 'image_url' }, { type: 'text', text: 'there' }]
    const messages = [
      { role: 'user', content: 'first' },
      { role: 'user', content },
      { role: 'assistant', content: 'x' },
    ]
    const answer = await fetch(`${url}/v1/chat/completions`, asking({ ...chat, messages }))
    expect(await answer.json()).toMatchObject({ choices: [{ message: { content: TEXT } }] })
  })

  test('streams role, tokens and finish, and usage when asked', async () => {
    const { url } = await start()
    const ask = async (body: object) => {
      const answer = await fetch(`${url}/v1/chat/completions`, asking({ ...chat, ...body }))
      expect(answer.headers.get('content-type')).toBe('text/event-stream')
      return eventsOf(await answer.text())
    }
    const events = await ask({ stream: true })
    expect(events[0].choices[0].delta).toEqual({ role: 'assistant', content: '' })
    expect(events.at(-1).choices[0]).toEqual({ index: 0, delta: {}, finish_reason: 'stop' })
    expect(events).toHaveLength(1 + 10 + 1)
    expect(contentOf(events)).toBe(TEXT)
    const counted = await ask({ stream: true, stream_options: { include_usage: true } })
    expect(counted.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 12 } })
  })

  test('satisfies the OpenAI client', async () => {
    const { url } = await start()
    const client = new OpenAI({ apiKey: KEY, baseURL: `${url}/v1`, maxRetries: 0 })
    const messages = [{ role: 'user' as const, content: 'Hello there' }]
    const { choices } = await client.chat.completions.create({ model: 'any-name', messages })
    expect(choices[0]?.message.content).toBe(TEXT)
    let text = ''
    for await (const chunk of await client.chat.completions.create({ model: 'any-name', messages, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? ''
    }
    expect(text).toBe(TEXT)
  })

  test.each(['Bearer other', `Basic ${KEY}`, ''])('refuses a chat with the authorization %j', async authorization => {
    const { url } = await start()
    const answer = await fetch(`${url}/v1/chat/completions`, asking(chat, { headers: { authorization } }))
    expect(answer.status).toBe(401)
    expect(await answer.json()).toEqual({
      error: { message: 'Incorrect API key provided.', type: 'invalid_request_error' },
    })
  })

  test.each(['{', '[]', 'null', '{"messages":[{}]}', '{"model":"m"}', '{"model":"m","messages":[]}'])(
    'refuses %j as a chat',
    async body => {
      const { url } = await start()
      const answer = await fetch(`${url}/v1/chat/completions`, asking(body))
      expect(answer.status).toBe(400)
      expect(await answer.json()).toMatchObject({ error: { type: 'invalid_request_error' } })
    },
  )

  test('knows no other path', async () => {
    const { url } = await start()
    const answer = await fetch(`${url}/v1/files`)
    expect(answer.status).toBe(404)
    expect(await answer.json()).toMatchObject({ error: { type: 'invalid_request_error' } })
  })
})

describe('with the EHBP client, the stand-in', () => {
  test('answers a sealed chat under a seal', async () => {
    const { url } = await start()
    const transport = await createTransport(url)
    const answer = await transport.request(`${url}/v1/chat/completions`, asking(chat))
    expect(answer.headers.has('ehbp-response-nonce')).toBe(true)
    expect(await answer.json()).toMatchObject({ choices: [{ message: { content: TEXT } }] })
  })

  test('seals its refusals too', async () => {
    const { url } = await start()
    const transport = await createTransport(url)
    const answer = await transport.request(`${url}/v1/chat/completions`, asking(chat, { headers: {} }))
    expect(answer.status).toBe(401)
    expect(await answer.json()).toMatchObject({ error: { message: 'Incorrect API key provided.' } })
  })

  test('opens a body of a megabyte', async () => {
    const { url } = await start()
    const transport = await createTransport(url)
    const content = 'x'.repeat(1024 * 1024)
    const body = { ...chat, messages: [{ role: 'user', content }] }
    const answer = await transport.request(`${url}/v1/chat/completions`, asking(body))
    expect(await answer.text()).toContain(content)
  })

  test('sends each event before the next one is made', async () => {
    const turns: (() => void)[] = []
    const { url } = await start({ sleep: () => new Promise(resolve => turns.push(resolve)) })
    const transport = await createTransport(url)
    const answer = await transport.request(`${url}/v1/chat/completions`, asking({ ...chat, stream: true }))
    let text = ''
    let pieces = 0
    for await (const piece of answer.body!) {
      text += new TextDecoder().decode(piece)
      pieces++
      expect(text.match(/data: /g)).toHaveLength(pieces)
      while (turns.length === 0 && !text.includes('[DONE]')) await Bun.sleep(1)
      turns.shift()?.()
    }
    expect(contentOf(eventsOf(text))).toBe(TEXT)
  })

  test('is seen to have changed its key, and works with the new one', async () => {
    const enclave = await start()
    const target = `${enclave.url}/v1/chat/completions`
    const before = enclave.hpkePublicKeyHex
    const stale = await createTransport(enclave.url)
    await enclave.rotate()
    expect(enclave.hpkePublicKeyHex).not.toBe(before)
    const fault = await stale.request(target, asking(chat)).catch(fault => fault)
    expect(fault).toBeInstanceOf(KeyConfigMismatchError)
    const fresh = await createTransport(enclave.url)
    expect(await fresh.getServerPublicKeyHex()).toBe(enclave.hpkePublicKeyHex)
    expect((await fresh.request(target, asking(chat))).status).toBe(200)
  })

  test('takes the private key it is given', async () => {
    const privateKey = new Uint8Array(32).fill(7)
    const [one, two] = [await start({ privateKey }), await start({ privateKey })]
    expect(one.hpkePublicKeyHex).toBe(two.hpkePublicKeyHex)
  })
})

describe('what an answer cost, the stand-in', () => {
  const HEADER = 'x-tinfoil-usage-metrics'
  const BILL = 'prompt=2,completion=10,total=12,cached_prompt_tokens=1,uncached_prompt_tokens=1'
  const COST = 'cost_usd=0.000006300000'
  const asked = { authorization: `Bearer ${KEY}`, 'x-tinfoil-request-usage-metrics': 'true', 'x-request-id': 'r1' }
  const entry = { request: 'r1', model: 'any-name', prompt: 2, completion: 10, cached: 1, cost: '0.000006300000' }

  async function keepingBooks() {
    const books: Entry[] = []
    const { url } = await start({ entered: entry => books.push(entry) })
    const target = `${url}/v1/chat/completions`
    return { url, target, entered: () => eventually(() => books.shift(), 'an entry') }
  }

  /** All the bytes of an answer. */
  async function bytesOf(url: string, body: object): Promise<string> {
    const text = JSON.stringify(body)
    const headers = { ...asked, 'content-length': String(text.length), connection: 'close' }
    return (await rawRequest(url, requestBytes('POST /v1/chat/completions', headers, text))).gone()
  }

  test('states in the header of a JSON answer, if asked', async () => {
    const { target, entered } = await keepingBooks()
    const answer = await fetch(target, asking(chat, { headers: asked }))
    expect(answer.headers.get(HEADER)).toBe(`${BILL},model=any-name,${COST}`)
    expect(await entered()).toEqual({ ...entry, stated: true, cut: false })
    const unasked = await fetch(target, asking(chat))
    expect(unasked.headers.has(HEADER)).toBe(false)
    expect(await entered()).toEqual({ ...entry, request: null, stated: false, cut: false })
  })

  test('states behind the last byte of a stream, in a trailer that it announces', async () => {
    const { url, entered } = await keepingBooks()
    const bytes = await bytesOf(url, { ...chat, stream: true })
    expect(bytes.slice(0, bytes.indexOf('\r\n\r\n')).toLowerCase()).toContain(`\r\ntrailer: ${HEADER}`)
    expect(bytes).toEndWith(`0\r\n${HEADER}: ${BILL},model=any-name,${COST}\r\n\r\n`)
    expect(await entered()).toEqual({ ...entry, stated: true, cut: false })
  })

  test('leaves a name out that no header could hold', async () => {
    const { url } = await keepingBooks()
    expect(await bytesOf(url, { ...chat, model: 'a,total=9\r\nx: y' })).toContain(`${HEADER}: ${BILL},${COST}\r\n`)
  })

  test('does not state with a refusal, nor enter it', async () => {
    const { url, target, entered } = await keepingBooks()
    expect(await bytesOf(url, { ...chat, model: '' })).not.toContain(HEADER)
    await fetch(target, asking(chat, { headers: { ...asked, authorization: 'Bearer other' } }))
    await fetch(target, asking(chat, { headers: asked }))
    expect(await entered()).toMatchObject({ stated: true })
  })
})

describe('a stream of the stand-in', () => {
  const endless = { ...chat, stream: true, messages: [{ role: 'user', content: 'word '.repeat(100_000) }] }

  test.each(['plain', 'sealed'])('stops being made when its client leaves (%s)', async how => {
    let pauses = 0
    const sleep = async () => {
      pauses++
      await Bun.sleep(1)
    }
    const { url } = await start({ sleep })
    const leaving = new AbortController()
    const target = `${url}/v1/chat/completions`
    const init = asking(endless, { signal: leaving.signal })
    const answer =
      how === 'plain' ? await fetch(target, init) : await (await createTransport(url)).request(target, init)
    const reader = answer.body!.getReader()
    await reader.read()
    leaving.abort()
    await reader.cancel().catch(() => undefined)
    await Bun.sleep(100)
    const afterLeaving = pauses
    await Bun.sleep(100)
    expect(pauses).toBe(afterLeaving)
    expect((await fetch(`${url}/v1/models`)).status).toBe(200)
  })

  test('is cut, not ended, when the stand-in stops', async () => {
    const enclave = await start({ pace: 1 })
    const answer = await fetch(`${enclave.url}/v1/chat/completions`, asking(endless))
    const reader = answer.body!.getReader()
    await reader.read()
    await enclave.stop()
    const drain = async () => {
      while (!(await reader.read()).done);
    }
    expect(await drain().catch(fault => fault.code)).toBe('ECONNRESET')
  })
})

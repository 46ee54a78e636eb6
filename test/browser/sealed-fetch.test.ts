import { afterEach, expect, test } from 'bun:test'
import { sealedFetch } from '../../examples/browser/sealed.ts'
import { type StandInEnclave, standInEnclave } from '../../src/dev/enclave.ts'

const KEY = 'tk-of-the-page'
const stops: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

/** An enclave behind somebody on the way who does as he likes with the answers to chats. */
async function behind(meddle: (answer: Response, count: number) => Response | Promise<Response>) {
  const enclave: StandInEnclave = await standInEnclave({ key: KEY, pace: 0 })
  let chats = 0
  const between = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async request => {
      const { pathname } = new URL(request.url)
      const body = request.method === 'POST' ? await request.arrayBuffer() : null
      const answer = await fetch(enclave.url + pathname, { method: request.method, headers: request.headers, body })
      return request.method === 'POST' ? meddle(answer, ++chats) : answer
    },
  })
  stops.push(() => between.stop(true), enclave.stop)
  const url = between.url.origin
  const send = sealedFetch(url)
  const chat = () =>
    send(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'any', messages: [{ role: 'user', content: 'Hello' }] }),
    })
  return { enclave, chat, count: () => chats }
}

test('a sealed answer is opened, also when it comes in scraps', async () => {
  const { chat } = await behind(async ({ body, headers }) => {
    const bytes = new Uint8Array(await new Response(body).arrayBuffer())
    const scraps = async function* () {
      for (let at = 0; at < bytes.length; at += 7) {
        yield bytes.subarray(at, at + 7)
        await Bun.sleep(1)
      }
    }
    return new Response(scraps(), { headers })
  })
  expect(await (await chat()).text()).toContain('You said: Hello')
})

test('an open success to a sealed request is refused', async () => {
  const { chat } = await behind(() => Response.json({ choices: [] }))
  await expect(chat()).rejects.toThrow('came in the open')
})

test('an open error keeps its status, its headers and its words', async () => {
  const { chat } = await behind(() => new Response('slow down', { status: 429, headers: { 'retry-after': '7' } }))
  const answer = await chat()
  expect([answer.status, answer.headers.get('retry-after'), await answer.text()]).toEqual([429, '7', 'slow down'])
})

test('an answer cut inside a frame is an error and no shorter answer', async () => {
  const { chat } = await behind(async ({ body, headers }) => {
    const bytes = await new Response(body).arrayBuffer()
    return new Response(bytes.slice(0, -1), { headers: { 'ehbp-response-nonce': headers.get('ehbp-response-nonce')! } })
  })
  const answer = await chat()
  await expect(answer.text()).rejects.toThrow('inside a sealed frame')
})

test('a changed bit and a broken nonce are errors', async () => {
  const { chat } = await behind(async ({ body, headers }, count) => {
    const bytes = new Uint8Array(await new Response(body).arrayBuffer())
    bytes[10]! ^= 1
    const nonce = headers.get('ehbp-response-nonce')!
    return new Response(bytes, { headers: { 'ehbp-response-nonce': count === 1 ? nonce : `${nonce}00` } })
  })
  const changed = await chat()
  await expect(changed.text()).rejects.toThrow('does not open')
  await expect(chat()).rejects.toThrow('64 hex digits')
})

test('a changed key is fetched again once, and not for ever', async () => {
  const { enclave, chat, count } = await behind(answer => answer)
  await chat()
  await enclave.rotate()
  expect((await chat()).ok).toBe(true)
  expect(count()).toBe(3)

  const type = 'urn:ietf:params:ehbp:error:key-config'
  const headers = { 'content-type': 'application/problem+json; charset=utf-8' }
  const never = await behind(() => new Response(JSON.stringify({ type }), { status: 422, headers }))
  await expect(never.chat()).rejects.toThrow('key configuration mismatch')
  expect(never.count()).toBe(2)
})

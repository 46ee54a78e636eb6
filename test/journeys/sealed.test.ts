import { afterEach, describe, expect, test } from 'bun:test'
import { createTransport, KeyConfigMismatchError } from 'ehbp'
import { type StandInOptions, standInEnclave } from '../../src/dev/enclave.ts'
import { withRecordedExchange } from '../kit/data.ts'
import { startGateway, UPSTREAM_KEY } from '../kit/gateway.ts'
import { spyOn } from '../kit/spy.ts'

const QUESTION = 'a question nobody between may read'
const ANSWER = `You said: ${QUESTION}`
const started: { stop(): Promise<void> }[] = []

afterEach(async () => {
  for (const part of started.splice(0).reverse()) await part.stop()
})

function keep<T extends { stop(): Promise<void> }>(part: T): T {
  started.push(part)
  return part
}

/** An enclave, a spy before it, and a gateway before the spy. */
async function chain(options: Partial<StandInOptions> = {}) {
  const enclave = keep(await standInEnclave({ key: UPSTREAM_KEY, pace: 1, ...options }))
  const spy = keep(await spyOn(enclave.url))
  const gateway = keep(await startGateway({ upstream: spy.url }))
  return { enclave, spy, gateway, headers: { ...(await gateway.bearer()), 'content-type': 'application/json' } }
}

const asking = (stream: boolean) =>
  JSON.stringify({ model: 'any', stream, messages: [{ role: 'user', content: QUESTION }] })

describe('a client that seals with npm ehbp', () => {
  test('gets a sealed JSON answer, and the spy in between reads nothing', async () => {
    const { gateway, spy, headers } = await chain()
    const transport = await createTransport(gateway.url)
    const answer = await transport.post(`${gateway.url}/v1/chat/completions`, asking(false), { headers })
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ choices: [{ message: { content: expect.stringContaining(ANSWER) } }] })
    expectNothingReadable(spy.up(), spy.down())
  })

  test('gets a sealed stream, event by event, and the spy in between reads nothing', async () => {
    const { gateway, spy, headers } = await chain()
    const transport = await createTransport(gateway.url)
    const answer = await transport.post(`${gateway.url}/v1/chat/completions`, asking(true), { headers })
    const text = await answer.text()
    expect(text).toEndWith('data: [DONE]\n\n')
    expect(text).toContain('"content":"nobody "')
    expectNothingReadable(spy.up(), spy.down())
  })

  test('is told to fetch the key again when the enclave has changed it, and then succeeds', async () => {
    const { enclave, gateway, headers } = await chain()
    const url = `${gateway.url}/v1/chat/completions`
    const old = await createTransport(gateway.url)
    await enclave.rotate()
    const refused = await old.post(url, asking(false), { headers }).then(undefined, error => error)
    expect(refused).toBeInstanceOf(KeyConfigMismatchError)
    // The 422 that passed dropped the kept key: a transport made at once seals to the new one.
    const fresh = await createTransport(gateway.url)
    expect((await fresh.post(url, asking(false), { headers })).status).toBe(200)
  })
})

test('an open body reaches the enclave as well', async () => {
  const { gateway, headers } = await chain()
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body: asking(false) })
  expect(await answer.text()).toContain(ANSWER)
})

withRecordedExchange('a recorded exchange passes byte for byte', async ({ request, response }) => {
  const frames = response.frames_hex
  const received: { key: string | null; body: string }[] = []
  const enclave = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: async incoming => {
      const key = incoming.headers.get('ehbp-encapsulated-key')
      received.push({ key, body: Buffer.from(await incoming.bytes()).toString('hex') })
      const body = async function* () {
        for (const frame of frames) {
          yield Buffer.from(frame, 'hex')
          await Bun.sleep(5)
        }
      }
      const headers = { 'content-type': response.content_type, 'ehbp-response-nonce': response.nonce_hex }
      return new Response(body(), { headers })
    },
  })
  keep({ stop: () => enclave.stop(true) })
  const gateway = keep(await startGateway({ upstream: enclave.url.origin }))
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      ...(await gateway.bearer()),
      'content-type': 'application/json',
      'ehbp-encapsulated-key': request.encapsulated_key_hex,
    },
    body: Buffer.from(request.body_hex, 'hex'),
  })
  expect(Buffer.from(await answer.bytes()).toString('hex')).toBe(frames.join(''))
  expect(answer.headers.get('ehbp-response-nonce')).toBe(response.nonce_hex)
  expect(answer.headers.get('content-type')).toBe(response.content_type)
  expect(received).toEqual([{ key: request.encapsulated_key_hex, body: request.body_hex }])
})

function expectNothingReadable(up: Buffer, down: Buffer): void {
  expect(up.toString('latin1')).toContain('POST /v1/chat/completions HTTP/1.1')
  // What an answer cost stands outside of the seal.
  const sealed = down.toString('latin1').replaceAll(/\r\nx-tinfoil-usage-metrics: prompt=.*/g, '')
  for (const word of ['question', 'nobody', 'messages', 'model', 'content"']) {
    expect(up.toString('latin1')).not.toContain(word)
    expect(sealed).not.toContain(word)
  }
  expect(down.toString('latin1')).toContain('Ehbp-Response-Nonce'.toLowerCase())
}

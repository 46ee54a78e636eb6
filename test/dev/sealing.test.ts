import { describe, expect, test } from 'bun:test'
import { AEAD_AES_256_GCM, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from '@panva/hpke-noble'
import { CipherSuite } from 'hpke'
import { recipient } from '../../src/dev/recipient.ts'
import { sealed, sealFrame } from '../../src/dev/sealing.ts'
import {
  deriveResponseKeys,
  encodeFrame,
  marshalKeyConfiguration,
  parseKeyConfiguration,
} from '../../src/protocol/ehbp.ts'
import { withRecordedExchange } from '../kit/data.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytes = (text: string) => new TextEncoder().encode(text)
const unhex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))
const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM)

/** A request of several frames, sealed by hpke itself, as the Go client would send it. */
async function framesFor(publicKey: Uint8Array, parts: string[]) {
  const key = await suite.DeserializePublicKey(publicKey)
  const { encapsulatedSecret, ctx } = await suite.SetupSender(key, { info: bytes('ehbp request') })
  const frames: Uint8Array[] = []
  for (const part of parts) frames.push(encodeFrame(await ctx.Seal(bytes(part))))
  return { header: hex(encapsulatedSecret), frames }
}

function post(body: Uint8Array | null, header?: string) {
  return new Request('http://localhost/', {
    method: 'POST',
    body: body && Buffer.from(body),
    ...(header === undefined ? {} : { headers: { 'ehbp-encapsulated-key': header } }),
  })
}

const mine = await recipient()
const echo = sealed(
  async request => new Response(await request.text().catch(fault => fault.name)),
  () => mine,
)

describe('a request in plaintext', () => {
  test('passes both ways as it is', async () => {
    const answer = await echo(post(bytes('hello')))
    expect(await answer.text()).toBe('hello')
    expect(answer.headers.has('ehbp-response-nonce')).toBe(false)
  })

  test('is what a bodiless request is, whatever its header says', async () => {
    const answer = await echo(post(null, 'no key at all'))
    expect(answer.status).toBe(200)
    expect(answer.headers.has('ehbp-response-nonce')).toBe(false)
  })
})

describe('a sealed request', () => {
  test('is opened whole from many frames, empty ones among them', async () => {
    const { header, frames } = await framesFor(mine.publicKey, ['one ', 'two ', 'three'])
    const empty = new Uint8Array(4)
    const seen: string[] = []
    const serve = sealed(
      async request => {
        seen.push(await request.text())
        return new Response('ok')
      },
      () => mine,
    )
    const answer = await serve(post(Buffer.concat([empty, frames[0]!, empty, frames[1]!, frames[2]!, empty]), header))
    expect(answer.headers.get('ehbp-response-nonce')).toMatch(/^[0-9a-f]{64}$/)
    expect(seen).toEqual(['one two three'])
  })

  test('gets another nonce with every answer', async () => {
    const { header, frames } = await framesFor(mine.publicKey, ['hello'])
    const nonces = await Promise.all([1, 2].map(async () => (await echo(post(frames[0]!, header))).headers))
    expect(nonces[0]!.get('ehbp-response-nonce')).not.toBe(nonces[1]!.get('ehbp-response-nonce'))
  })

  test('is answered under a seal whatever the status, without a length', async () => {
    const { header, frames } = await framesFor(mine.publicKey, ['hello'])
    const refuse = () => new Response('no', { status: 401, headers: { 'content-length': '2', 'retry-after': '9' } })
    const answer = await sealed(refuse, () => mine)(post(frames[0]!, header))
    expect(answer.status).toBe(401)
    expect(answer.headers.has('content-length')).toBe(false)
    expect(answer.headers.get('retry-after')).toBe('9')
    expect(await answer.bytes()).toHaveLength(4 + 2 + 16)
  })

  test.each(['', 'ff', 'zz'.repeat(32), `${'a1'.repeat(32)}, ${'a1'.repeat(32)}`, '00'.repeat(32)])(
    'is answered 400 when its key is %j',
    async header => {
      const answer = await echo(post(bytes('anything'), header))
      expect(answer.status).toBe(400)
      expect(answer.headers.get('content-type')).toStartWith('text/plain')
      expect(await answer.text()).toBe('failed to decrypt request')
    },
  )

  test('is answered 400 when its first frame is cut, too long or missing', async () => {
    const { header, frames } = await framesFor(mine.publicKey, ['hello'])
    const long = Uint8Array.of(0xff, 0xff, 0xff, 0xff)
    for (const body of [frames[0]!.subarray(0, -1), frames[0]!.subarray(0, 3), long, new Uint8Array(4)]) {
      expect((await echo(post(body, header))).status).toBe(400)
    }
  })

  test('is answered 422 when it was sealed to another key', async () => {
    const { header, frames } = await framesFor((await recipient()).publicKey, ['hello'])
    const answer = await echo(post(frames[0]!, header))
    expect(answer.status).toBe(422)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(answer.headers.has('ehbp-response-nonce')).toBe(false)
    expect(await answer.json()).toEqual({
      type: 'urn:ietf:params:ehbp:error:key-config',
      title: 'failed to read decrypted request body',
    })
  })

  test('fails while it is read, and so under a seal, when a later frame does not open', async () => {
    const { header, frames } = await framesFor(mine.publicKey, ['one', 'two', 'three'])
    const answer = await echo(post(Buffer.concat([frames[0]!, frames[2]!]), header))
    expect(answer.headers.has('ehbp-response-nonce')).toBe(true)
    expect(await answer.bytes()).toHaveLength(4 + 'OpenError'.length + 16)
  })
})

describe('a recorded exchange', () => {
  withRecordedExchange('has the key configuration that its private key publishes', async exchange => {
    const { publicKey } = await recipient(unhex(exchange.server_private_key_hex))
    expect(hex(publicKey)).toBe(exchange.server_public_key_hex)
    expect(hex(marshalKeyConfiguration(publicKey))).toBe(exchange.key_config_hex)
    expect(hex(parseKeyConfiguration(unhex(exchange.key_config_hex)))).toBe(exchange.server_public_key_hex)
  })

  withRecordedExchange('has the frames that its secret, key and nonce seal', async exchange => {
    const { response, request, exported_secret_hex } = exchange
    const inputs = [exported_secret_hex, request.encapsulated_key_hex, response.nonce_hex] as const
    const keys = deriveResponseKeys(unhex(inputs[0]), unhex(inputs[1]), unhex(inputs[2]))
    const frames = response.plaintext_parts.map((part, index) => hex(sealFrame(keys, index, bytes(part))))
    expect(frames).toEqual(response.frames_hex)
  })

  withRecordedExchange('plays again byte for byte', async exchange => {
    const { response, request, server_private_key_hex } = exchange
    const server = await recipient(unhex(server_private_key_hex))
    const seen: string[] = []
    const parts = new ReadableStream({
      start(controller) {
        for (const part of response.plaintext_parts) controller.enqueue(bytes(part))
        controller.close()
      },
    })
    const serve = sealed(
      async opened => {
        seen.push(await opened.text())
        return new Response(parts, { headers: { 'content-type': response.content_type } })
      },
      () => server,
      () => unhex(response.nonce_hex),
    )
    const answer = await serve(post(unhex(request.body_hex), request.encapsulated_key_hex))
    expect(seen).toEqual([request.plaintext])
    expect(answer.headers.get('content-type')).toBe(response.content_type)
    expect(answer.headers.get('ehbp-response-nonce')).toBe(response.nonce_hex)
    expect(hex(await answer.bytes())).toBe(response.frames_hex.join(''))
  })
})

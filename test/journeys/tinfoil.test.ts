import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type StandInEnclave, standInEnclave } from '../../src/dev/enclave.ts'
import { type Transport, transport } from '../../src/upstream/transport.ts'
import { ROOT } from '../kit/certificates.ts'
import { freshDirectory } from '../kit/directory.ts'
import { type KitOptions, startGateway, UPSTREAM_KEY } from '../kit/gateway.ts'
import { type Spy, spyOn } from '../kit/spy.ts'
import { eventually } from '../kit/stage.ts'
import { terminate } from '../kit/terminator.ts'
import { type Job, tinfoilClient } from '../kit/tinfoil.ts'

const QUESTION = 'a question nobody between may read'
const CHAT = '/v1/chat/completions'
const started: { stop(): Promise<void> }[] = []
const directory = freshDirectory()
const roots = join(directory, 'root.pem')

beforeAll(() => writeFileSync(roots, ROOT))
afterAll(() => rmSync(directory, { recursive: true }))
afterEach(async () => {
  for (const part of started.splice(0).reverse()) await part.stop()
})

function keep<T extends { stop(): Promise<void> }>(part: T): T {
  started.push(part)
  return part
}

interface Parts {
  readonly enclave: StandInEnclave
  readonly spy: Spy
}

/** An enclave, a spy before it, a gateway that takes sealed bodies only before the spy, and TLS before the gateway. */
async function chain(options: (parts: Parts) => Partial<KitOptions> = () => ({})) {
  const enclave = keep(await standInEnclave({ key: UPSTREAM_KEY, pace: 1 }))
  const spy = keep(await spyOn(enclave.url))
  const set = { upstream: spy.url, atcUrl: enclave.url, plaintext: false, ...options({ enclave, spy }) }
  const gateway = keep(await startGateway(set))
  const front = keep(await terminate(gateway.url))
  const { authorization } = await gateway.bearer()
  const client = (kind: Job['kind'], given: Partial<Job['options']> = {}, verifier?: 'replaced') => {
    const urls = { baseURL: `${front.url}/v1/`, ...(kind !== 'unverified' && { attestationBundleURL: front.url }) }
    const options = { ...urls, ...(kind === 'ai' && { bearerToken: authorization.slice(7) }), ...given }
    return keep(tinfoilClient({ kind, options, ...(verifier && { verifier }) }, roots))
  }
  const asking = (stream: boolean) => chat(authorization, stream)
  return { enclave, spy, gateway, front, client, authorization, chat: asking }
}

/**
 * The same with a name for the upstream that no resolver knows, and a bundle that names a domain: what the gateway sends
 * to either goes to the stand-in, and its origin is told.
 */
async function namedChain(domain: string, options: Partial<KitOptions> = {}) {
  const real = transport({ connectMs: 10_000, bodyMs: 60_000, headerMs: 600_000 })
  const origins: string[] = []
  const parts = await chain(({ enclave, spy }) => {
    const send: Transport = outgoing => {
      origins.push(outgoing.origin.origin)
      return real({ ...outgoing, origin: new URL(spy.url) })
    }
    return { upstream: 'https://inference.example', atcUrl: renamed(enclave, domain), send, ...options }
  })
  return { ...parts, origins }
}

/** A server of the stand-in's bundle under another domain. */
function renamed(enclave: StandInEnclave, domain: string): string {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async () => {
      const bundle = await (await fetch(`${enclave.url}/attestation`)).text()
      return new Response(bundle.replace('stand-in.invalid', domain))
    },
  })
  keep({ stop: () => server.stop(true) })
  return server.url.origin
}

function chat(authorization: string, stream: boolean): RequestInit {
  const body = JSON.stringify({ model: 'any', stream, messages: [{ role: 'user', content: QUESTION }] })
  return { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body }
}

describe('UnverifiedClient of npm tinfoil', () => {
  test.each([false, true])('chats sealed through TLS and the gateway, as a stream: %p', async stream => {
    const { client, chat, spy, front } = await chain()
    const { value } = await client('unverified').ask('fetch', CHAT, chat(stream))
    expect(value).toMatchObject({ status: 200, sealgateBody: 'sealed' })
    const { text } = value as { text: string }
    if (stream) {
      expect(text).toContain('"content":"nobody "')
      expect(text).toEndWith('data: [DONE]\n\n')
    } else expect(JSON.parse(text).choices[0].message.content).toEndWith(`You said: ${QUESTION}`)
    expect(front.asked()).toEqual(['GET /.well-known/hpke-keys', `POST ${CHAT}`])
    for (const heard of [front.heard(), spy.up().toString('latin1'), spy.down().toString('latin1')])
      expect(heard).not.toContain('nobody')
  })

  test('demands https', async () => {
    const { client } = await chain()
    const { error } = await client('unverified', { baseURL: 'http://localhost:1/v1/' }).ask('fetch', CHAT, {})
    expect(error?.message).toBe('HTTPS is required for key retrieval. Got http:')
  })
})

describe('SecureClient of npm tinfoil', () => {
  test('fetches the bundle from the gateway, and refuses the simulated one in words', async () => {
    const { client, front } = await chain()
    const { error } = await client('secure').ask('ready')
    expect(error?.kind).toBe('AttestationError')
    expect(error?.message).toBe(
      'Unsupported attestation document format: "urn:sealgate:simulated:nothing-is-attested". Only SEV-SNP Guest V2 format is supported',
    )
    // It takes any such refusal for a passing one, and asks once more.
    expect(front.asked()).toEqual(['GET /attestation', 'GET /attestation'])
  })

  test('its verifier replaced: attests and sends again by itself when the enclave has changed its key', async () => {
    const { client, chat, enclave, front } = await namedChain('inference.example')
    const secure = client('secure', {}, 'replaced')
    expect(await secure.ask('fetch', CHAT, chat(false))).toMatchObject({ value: { status: 200 } })
    await enclave.rotate()
    const again = await secure.ask('fetch', CHAT, chat(false))
    expect(again).toMatchObject({ value: { status: 200, text: expect.stringContaining(QUESTION) } })
    const first = ['GET /attestation', `POST ${CHAT}`]
    expect(front.asked()).toEqual([...first, `POST ${CHAT}`, ...first])
  })
})

describe('the enclave that the bundle names, as SecureClient with its verifier replaced sends it', () => {
  test.each([
    ["the gateway's own", 'inference.example'],
    ['one on the list', 'router-3.example'],
  ])('is where the request goes: %s', async (_, domain) => {
    const { client, chat, front, origins } = await namedChain(domain, {
      enclaveHosts: ['router-*.example'],
    })
    const { value } = await client('secure', {}, 'replaced').ask('fetch', CHAT, chat(true))
    expect(value).toMatchObject({ status: 200, text: expect.stringContaining('"content":"nobody "') })
    expect(front.heard()).toMatch(new RegExp(`\r\nx-tinfoil-enclave-url: https://${domain}\r\n`, 'i'))
    expect(origins).toEqual([`https://${domain}`])
  })

  test('is refused if it is foreign, and nothing is sent anywhere', async () => {
    const domain = 'mine.customer.containers.tinfoil.sh'
    const enclaveHosts = ['inference.tinfoil.sh', '*.inference.tinfoil.sh', 'router.inf*.tinfoil.sh']
    const { client, chat, authorization, front, origins, spy } = await namedChain(domain, { enclaveHosts })
    const secure = client('secure', {}, 'replaced')
    const open = await secure.ask('fetch', '/v1/models', { headers: { authorization } })
    expect(open).toMatchObject({ value: { status: 400, text: expect.stringContaining('"enclave_not_allowed"') } })
    // The same answer to a sealed body: the client wants a nonce first, and does not show the words.
    const { error } = await secure.ask('fetch', CHAT, chat(false))
    expect(error?.message).toBe('Missing Ehbp-Response-Nonce header')
    expect(front.heard().match(new RegExp(`x-tinfoil-enclave-url: https://${domain}\r\n`, 'gi'))).toHaveLength(2)
    expect(origins).toBeEmpty()
    expect(spy.connections).toBeEmpty()
  })
})

describe('TinfoilAI with its verifier replaced', () => {
  test('lists models and chats, in one piece and as a stream, with only its URLs changed', async () => {
    const { client } = await namedChain('inference.example')
    const ai = client('ai', {}, 'replaced')
    expect(await ai.ask('models')).toEqual({ value: ['stand-in-small', 'stand-in-large'] })
    expect(await ai.ask('chat', QUESTION)).toEqual({ value: expect.stringContaining(`You said: ${QUESTION}`) })
    const { value } = await ai.ask('stream', QUESTION)
    expect((value as string[]).length).toBeGreaterThan(5)
    expect((value as string[]).join('')).toEndWith(`You said: ${QUESTION}`)
  })

  // What README tells of such clients; a newer one may show the words, and then this sentence goes.
  test.each([
    [401, 'token_malformed'],
    [429, 'rate_limited'],
  ])(
    'shows a %i of ours as a connection error, and asks three times',
    async (status, code) => {
      const { client, front, gateway } = await namedChain('inference.example', { rpm: 1, burst: 1 })
      const ai = client('ai', status === 401 ? { bearerToken: 'no.such.token' } : {}, 'replaced')
      const models = await ai.ask('models')
      if (status === 401) expect(models.error).toMatchObject({ kind: 'AuthenticationError', status })
      const { error } = await ai.ask('chat', QUESTION)
      expect(error).toEqual({ kind: 'APIConnectionError', message: 'Connection error.' })
      expect(front.asked().filter(request => request === `POST ${CHAT}`)).toHaveLength(3)
      const refusals = () =>
        gateway.lines.filter(line => line.includes(`${CHAT}"`) && line.includes(`"code":"${code}"`))
      await eventually(() => refusals().length === 3, `three refusals told as ${code} in the log`)
    },
    20_000,
  )
})

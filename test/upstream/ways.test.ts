import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createTransport } from 'ehbp'
import { type StandInEnclave, standInEnclave } from '../../src/dev/enclave.ts'
import { type CloudKit, clouds } from '../kit/cloud.ts'
import { CLOUD_KEY, type Kit, startGateway, UPSTREAM_KEY } from '../kit/gateway.ts'
import { eventually } from '../kit/stage.ts'

const { start, clear } = clouds()
let enclave: StandInEnclave
let cloud: CloudKit
/** Chats that the enclave answered. */
let opened = 0
beforeAll(async () => {
  enclave = await standInEnclave({ key: UPSTREAM_KEY, pace: 0, entered: () => opened++ })
  cloud = await start({ key: CLOUD_KEY })
})
afterAll(async () => {
  await enclave.stop()
  await clear()
})

const BODY = JSON.stringify({ model: 'any', messages: [{ role: 'user', content: 'Hello' }] })
const FRAME = Buffer.from('0000000500', 'hex')

/** Chats so far: at the enclave, at the cloud. */
const books = () => [opened, cloud.cloud.counts.get('POST chat/completions') ?? 0]

type Way = 'sealed' | 'open' | 'open, naming an enclave'

/** A chat's answer: its status, its code or who answered, and by whose books. */
async function asked(kit: Kit, way: Way, hasEnclave: boolean) {
  const before = books()
  const url = `${kit.url}/v1/chat/completions`
  const headers = { ...(await kit.bearer()), 'content-type': 'application/json' }
  const claims = {
    sealed: { 'ehbp-encapsulated-key': '0f'.repeat(32) },
    open: {},
    'open, naming an enclave': { 'x-tinfoil-enclave-url': enclave.url },
  }[way]
  const answer =
    way === 'sealed' && hasEnclave
      ? await (await createTransport(kit.url)).post(url, BODY, { headers })
      : await fetch(url, { method: 'POST', headers: { ...headers, ...claims }, body: way === 'sealed' ? FRAME : BODY })
  const { choices, error } = (await answer.json()) as { choices?: unknown; error?: { code: string; message: string } }
  // The enclave books an answer when it has ended.
  if (choices) await eventually(() => books().join() !== before.join())
  return {
    status: answer.status,
    said: error?.code ?? `${answer.headers.get('x-sealgate-backend')} ${answer.headers.get('x-sealgate-body')}`,
    books: books().map((count, at) => count - (before[at] ?? 0)),
    message: error?.message,
  }
}

const ENCLAVE = (body: string) => ({ status: 200, said: `tinfoil ${body}`, books: [1, 0] })
const CLOUD = { status: 200, said: 'openai plaintext', books: [0, 1] }
const refused = (said: string) => ({ status: 400, said, books: [0, 0] })

describe.each([
  ['Tinfoil alone', true, { isSealing: true, cloud: false }],
  ['Tinfoil alone', false, { isSealing: true, cloud: false }],
  ['a cloud alone', true, { isSealing: false, cloud: true }],
  ['a cloud alone', false, { isSealing: false, cloud: true }],
  ['both', true, { isSealing: true, cloud: true }],
  ['both', false, { isSealing: true, cloud: true }],
])('with %s and plaintext %p, a chat', (name, plaintext, { isSealing, cloud: hasCloud }) => {
  let kit: Kit
  beforeAll(async () => {
    const origin = hasCloud ? { cloud: new URL(cloud.cloud.url).origin } : {}
    kit = await startGateway({ upstream: enclave.url, isSealing, plaintext, ...origin })
  })
  afterAll(() => kit.stop())

  const open = {
    'Tinfoil alone': plaintext ? ENCLAVE('plaintext') : refused('sealed_body_required'),
    'a cloud alone': CLOUD,
    both: plaintext ? CLOUD : refused('sealed_body_required'),
  }[name]
  const naming = {
    'Tinfoil alone': plaintext ? ENCLAVE('plaintext') : refused('sealed_body_required'),
    'a cloud alone': refused('enclave_not_allowed'),
    both: plaintext ? ENCLAVE('plaintext') : refused('sealed_body_required'),
  }[name]

  test.each<[Way, object | undefined]>([
    ['sealed', isSealing ? ENCLAVE('sealed') : refused('sealed_body_refused')],
    ['open', open],
    ['open, naming an enclave', naming],
  ])('that is %s goes where it should, and nowhere else', async (way, expected) => {
    const { message, ...found } = await asked(kit, way, isSealing)
    expect<unknown>(found).toEqual(expected)
    if (found.said === 'sealed_body_required') expect(message).toContain('The body is not sealed: seal it with EHBP')
    if (found.said === 'sealed_body_refused') expect(message).toEndWith('send it open, or ask what an enclave answers.')
  })

  test('and its backends are told by /health, in order', async () => {
    const { backends } = (await (await fetch(`${kit.url}/health`)).json()) as { backends: string[] }
    expect(backends).toEqual([...(isSealing ? ['tinfoil'] : []), ...(hasCloud ? ['openai'] : [])])
  })
})

describe('a form on its way to a cloud', () => {
  let kit: Kit
  beforeAll(async () => {
    kit = await startGateway({ upstream: enclave.url, isSealing: false, cloud: new URL(cloud.cloud.url).origin })
  })
  afterAll(() => kit.stop())

  test.each<[string, string, number]>([
    ['application/json', 'not_found', 0],
    ['Application/Vnd.Any+JSON; charset=utf-8', 'not_found', 0],
    ['text/plain', 'not_found', 0],
    ['multipart/form-data-not', 'not_found', 0],
    ['application/x-www-form-urlencoded', 'not_found', 0],
    ['multipart/form-data; boundary=b', 'null', 1],
  ])('that comes as %s is read unless it says that it is one', async (type, code, count) => {
    const before = cloud.heard.length
    const headers = { ...(await kit.bearer()), 'content-type': type }
    const body = JSON.stringify({ file_id: 'file-of-another', conversation: 'conv_0f' })
    const answer = await fetch(`${kit.url}/v1/audio/transcriptions`, { method: 'POST', headers, body })
    const { error } = (await answer.json()) as { error: { code: string | null } }
    expect([`${error.code}`, cloud.heard.length - before]).toEqual([code, count])
  })
})

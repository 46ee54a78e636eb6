import { afterEach, describe, expect, test } from 'bun:test'
import { settings } from '../../src/settings.ts'
import type { Outgoing, Transport } from '../../src/upstream/transport.ts'
import { UPSTREAM_KEY } from '../kit/gateway.ts'
import { answerBytes, stages } from '../kit/stage.ts'

const { set, clear } = stages()
afterEach(clear)

const OK = answerBytes('200 OK', {}, 'ok')
const enclaveHosts = settings.TINFOIL_ENCLAVE_HOSTS.kind.read(settings.TINFOIL_ENCLAVE_HOSTS.default) ?? []

const CONTAINERS = [
  'https://app.org.containers.tinfoil.sh',
  'https://app.org.containers.tinfoil.dev',
  'https://inference.org.containers.tinfoil.sh',
  'https://router-1.org.containers.tinfoil.dev',
  'https://router.inf.containers.tinfoil.sh',
  'https://gpt-oss-120b.inference.containers.tinfoil.sh',
]
const ELSEWHERE = [
  'https://evil.example',
  'https://tinfoil.sh',
  'https://evil-tinfoil.sh',
  'https://eviltinfoil.sh',
  'https://inference.tinfoil.sh.evil.example',
  'https://inference.tinfoil.sh-evil.example',
  'https://inference-tinfoil.sh',
  'https://evilinference.tinfoil.sh',
  'https://a.b.inference.tinfoil.sh',
  'https://inference.tinfoil.dev',
  'https://router-1.tinfoil.dev.evil.example',
  'https://router-1.x.tinfoil.dev',
  'https://xrouter-1.tinfoil.dev',
  'https://router.inf1.x.tinfoil.sh',
  'https://router.tinfoil.sh',
  'https://localhost',
  'https://127.0.0.1',
  'https://[::1]',
  'https://169.254.169.254',
  'https://2130706433',
  'https://0x7f000001',
  'https://metadata.google.internal',
]
const ODD = [
  '',
  'inference.tinfoil.sh',
  '//inference.tinfoil.sh',
  'http://inference.tinfoil.sh',
  'ftp://inference.tinfoil.sh',
  'file:///etc/passwd',
  'data:text/plain,x',
  'javascript:alert(1)',
  'https:inference.tinfoil.sh',
  'https:/inference.tinfoil.sh',
  'https:///inference.tinfoil.sh',
  'https:\\\\inference.tinfoil.sh',
  'https://inference.tinfoil.sh//',
  'https://inference.tinfoil.sh/v1',
  'https://inference.tinfoil.sh/../evil',
  'https://inference.tinfoil.sh?x=1',
  'https://inference.tinfoil.sh?',
  'https://inference.tinfoil.sh#x',
  'https://inference.tinfoil.sh#',
  'https://inference.tinfoil.sh:80',
  'https://inference.tinfoil.sh:8443',
  'https://inference.tinfoil.sh:0443',
  'https://inference.tinfoil.sh:',
  'https://inference.tinfoil.sh:443:443',
  'https://inference.tinfoil.sh.',
  'https://inference.tinfoil.sh.:443',
  'https://@inference.tinfoil.sh',
  'https://user@inference.tinfoil.sh',
  'https://user:word@inference.tinfoil.sh',
  'https://inference.tinfoil.sh@evil.example',
  'https://inference.tinfoil.sh:443@evil.example',
  'https://inference.tinfoil.sh\\@evil.example',
  'https://inference.tinfoil.sh%2eevil.example',
  'https://inference%2etinfoil.sh',
  'https://inference.tinfoil.sh%00.evil.example',
  'https://inference.tinfoil.sh, https://evil.example',
  'https://evil.example https://inference.tinfoil.sh',
  'https://xn--nference-vsb.tinfoil.sh',
  'https://inference_.tinfoil.sh',
  'https://*.inference.tinfoil.sh',
  'https://.inference.tinfoil.sh',
  'https://inference..tinfoil.sh',
]

/** A transport that connects to nothing and writes down where it was sent. */
function recorder(): { sent: Outgoing[]; send: Transport } {
  const sent: Outgoing[] = []
  return {
    sent,
    send: outgoing => {
      sent.push(outgoing)
      return Promise.reject(new Error('recorded'))
    },
  }
}

describe('a client that names as its enclave', () => {
  test('is never short of attempts', () => {
    expect(CONTAINERS.length + ELSEWHERE.length + ODD.length).toBeGreaterThanOrEqual(60)
  })

  test.each([...CONTAINERS, ...ELSEWHERE, ...ODD])('%j is refused, and nothing is sent anywhere', async url => {
    const { sent, send } = recorder()
    const { get, upstream } = await set(OK, { enclaveHosts, send })
    const answer = await get({ headers: { 'x-tinfoil-enclave-url': url } })
    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain('"enclave_not_allowed"')
    expect(sent).toEqual([])
    expect(upstream.wires).toEqual([])
  })

  test.each([
    ['https://inference.tinfoil.sh', 'https://inference.tinfoil.sh'],
    ['https://gpt-oss-120b.inference.tinfoil.sh/', 'https://gpt-oss-120b.inference.tinfoil.sh'],
    ['HTTPS://Router-2.Tinfoil.DEV:443', 'https://router-2.tinfoil.dev'],
    ['https://router.inf9.tinfoil.sh', 'https://router.inf9.tinfoil.sh'],
  ])('%s gets there, with our key', async (url, origin) => {
    const { sent, send } = recorder()
    const { get } = await set(OK, { enclaveHosts, send, base: ({ url }) => `${url}/prefix` })
    await get({ headers: { 'x-tinfoil-enclave-url': url } })
    expect(sent.map(({ origin, path }) => [origin.origin, path])).toEqual([[origin, '/v1/models']])
    expect(sent[0]?.headers['authorization']).toBe(`Bearer ${UPSTREAM_KEY}`)
    expect(sent[0]?.headers).not.toHaveProperty('x-tinfoil-enclave-url')
  })

  test('the one that is configured gets there, its prefix kept', async () => {
    const { get, upstream } = await set(OK, { enclaveHosts: [], base: ({ url }) => `${url}/prefix` })
    expect((await get({ headers: { 'x-tinfoil-enclave-url': upstream.url } })).status).toBe(200)
    expect((await get({ headers: { 'x-tinfoil-enclave-url': `${upstream.url}/` } })).status).toBe(200)
    expect((await upstream.first()).text).toStartWith('GET /prefix/v1/models ')
  })
})

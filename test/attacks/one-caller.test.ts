import { afterEach, expect, test } from 'bun:test'
import { createTransport } from 'ehbp'
import { standInEnclave } from '../../src/dev/enclave.ts'
import { KEYS_PATH } from '../../src/protocol/ehbp.ts'
import { clockAt } from '../kit/clock.ts'
import { type KitOptions, startGateway, UPSTREAM_KEY } from '../kit/gateway.ts'

const running: { stop(): Promise<void> }[] = []
afterEach(async () => {
  for (const part of running.splice(0).reverse()) await part.stop()
})

/** A stand-in enclave one of whose models has reached its limit, and a gateway before both. */
async function besieged(options: Partial<KitOptions> = {}) {
  const enclave = await standInEnclave({ key: UPSTREAM_KEY, pace: 0 })
  const asked: string[] = []
  const router = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    reusePort: false,
    development: false,
    fetch: async ({ url, method, headers, body }) => {
      const { pathname } = new URL(url)
      asked.push(pathname)
      if (headers.get('x-tinfoil-model') === 'busy')
        return new Response('slow down', { status: 429, headers: { 'retry-after': '30' } })
      return fetch(enclave.url + pathname, { method, headers, body, decompress: false })
    },
  })
  const kit = await startGateway({ upstream: router.url.origin, ...options })
  running.push(enclave, { stop: () => router.stop(true) }, kit)
  const times = (path: string) => asked.filter(it => it === path).length
  return { kit, chat: `${kit.url}/v1/chat/completions`, times }
}

type Gateway = Awaited<ReturnType<typeof besieged>>

// A frame's length, and so many bytes that no key opens; the other ends before its length.
const UNOPENABLE = Buffer.concat([Buffer.from([0, 0, 0, 64]), Buffer.alloc(64, 7)])
const CUT = UNOPENABLE.subarray(0, 40)

/** Callers: one that asks the busy model, one that sends garbage under keys nobody sealed with, one that chats sealed. */
async function callers({ kit, chat }: Gateway) {
  const [busy, odd, good] = await Promise.all(['hammer', 'garbage', 'third'].map(name => kit.bearer(name)))
  const transport = await createTransport(kit.url)
  const json = { 'content-type': 'application/json' }
  return {
    hammer: () => fetch(chat, { method: 'POST', headers: { ...busy, ...json, 'x-tinfoil-model': 'busy' }, body: '{}' }),
    garbage: (frame: Buffer) => {
      const key = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('hex')
      const headers = { ...odd, 'ehbp-encapsulated-key': key }
      return fetch(chat, { method: 'POST', headers, body: new Uint8Array(frame) })
    },
    third: (content: string) => {
      const body = JSON.stringify({ model: 'any', messages: [{ role: 'user', content }] })
      return transport.post(chat, body, { headers: { ...good, ...json } })
    },
  }
}

async function outcome(answering: Promise<Response>): Promise<string> {
  const answer = await answering
  return (await answer.text()).includes('"rate_limited"') ? 'limited' : String(answer.status)
}

test('a third caller is answered every time, while one hammers a busy model and one sends sealed garbage', async () => {
  const gateway = await besieged({ rpm: 1, burst: 40 })
  const { hammer, garbage, third } = await callers(gateway)
  const hammered = new Set<string>()
  const refused = new Set<string>()
  const answered: string[] = []
  for (let round = 0; round < 30; round++) {
    const four = Array.from({ length: 4 }, (_, nth) => nth)
    const attacks = [
      ...four.map(async () => hammered.add(await outcome(hammer()))),
      ...four.map(async nth => refused.add(await outcome(garbage(nth % 2 ? CUT : UNOPENABLE)))),
    ]
    const [answer] = await Promise.all([third(`number ${round}`), ...attacks])
    expect(await answer.text()).toContain(`You said: number ${round}`)
    answered.push(String(answer.status))
  }
  expect(answered).toEqual(Array(30).fill('200'))
  // Each of the two met the upstream first, and the end of its own bucket then.
  expect([...hammered].toSorted()).toEqual(['429', 'limited'])
  expect([...refused].toSorted()).toEqual(['400', '422', 'limited'])
})

test('sealed garbage makes the gateway ask for keys and bundle once a second at most', async () => {
  const clock = clockAt(Date.now())
  const gateway = await besieged({ now: clock.now })
  const { kit, times } = gateway
  const { garbage } = await callers(gateway)
  const documents = [KEYS_PATH, '/attestation']
  const ask = () => Promise.all(documents.map(async path => expect((await fetch(kit.url + path)).status).toBe(200)))
  await ask()
  for (const second of [1, 2, 3]) {
    for (let i = 0; i < 5; i++) {
      expect((await garbage(UNOPENABLE)).status).toBe(422)
      await ask()
      clock.pass(i < 4 ? 249 : 4)
    }
    expect(documents.map(times)).toEqual([1 + second, 1 + second])
  }
})

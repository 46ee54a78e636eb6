import { afterEach, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { devGateways } from '../kit/dev.ts'
import { type RawUpstream, rawRequest, rawUpstream, requestBytes, type Wire } from '../kit/raw.ts'
import { answerBytes, CHUNKED, chunk, EMBEDDINGS, eventually, MODELS } from '../kit/stage.ts'

const { start, directory, clear } = devGateways()
const upstreams: RawUpstream[] = []
afterEach(async () => {
  await clear()
  for (const upstream of upstreams.splice(0)) await upstream.stop()
})

/** A gateway with so many descriptors, or so many at first that may be raised, before an upstream whose chats begin and never end. */
async function gatewayWith(descriptors: number | string) {
  const upstream = await rawUpstream(async wire => {
    for (;;) {
      const { head } = await wire.message()
      await wire.send(head.startsWith('GET') ? answerBytes('200 OK', {}, 'models') : CHUNKED + chunk('first'))
    }
  })
  upstreams.push(upstream)
  const env = { TINFOIL_API_KEY: 'tk-test', TINFOIL_BASE_URL: upstream.url }
  const gateway = await start(directory(), env, { descriptors })
  const { authorization } = gateway
  const chat = requestBytes(EMBEDDINGS, { authorization, 'Content-Length': '2' }, 'hi')
  const models = requestBytes(MODELS, { authorization })
  return { gateway, chat: () => rawRequest(gateway.url, chat), models: () => rawRequest(gateway.url, models) }
}

test('a start with few descriptors says how many streams fit, and so many do', async () => {
  const { gateway, chat, models } = await gatewayWith(64)
  const [, streams] = await gateway.says(/ warn {2}few_descriptors streams=(\d+)\n/)
  expect(Number(streams)).toBeWithin(10, 32)
  const clients = await Promise.all(Array.from({ length: Number(streams) }, chat))
  await Promise.all(clients.map(client => client.seen('first')))
  expect(await gateway.ready()).toBe(200)
  expect((await (await models()).message()).body).toBe('models')
})

test('a start with plenty of descriptors does not speak of them', async () => {
  const { gateway } = await gatewayWith(4096)
  expect(gateway.output()).not.toContain('few_descriptors')
})

test('a start raises its own limit as far as it may', async () => {
  // `-n` alone sets both: the soft limit that holds, and the hard one that a process may raise it to.
  const { gateway } = await gatewayWith('4096 && ulimit -Sn 256')
  expect(gateway.output()).not.toContain('few_descriptors')
  const limits = readFileSync(`/proc/${gateway.pid}/limits`, 'utf8')
  expect(limits).toMatch(/^Max open files +4096 +4096 /m)
})

test('a start that may raise it to few says how many streams fit then', async () => {
  const { gateway } = await gatewayWith('256 && ulimit -Sn 64')
  const [, streams] = await gateway.says(/few_descriptors streams=(\d+)/)
  expect(Number(streams)).toBeWithin(64, 128)
})

test('two hundred clients for sixty-four descriptors are served or told, and the gateway recovers', async () => {
  const { gateway, chat } = await gatewayWith(64)
  const clients: Wire[] = await Promise.all(Array.from({ length: 200 }, chat))
  const answered = () => clients.filter(({ text }) => text.includes('first') || text.includes('upstream_unreachable'))
  await eventually(() => answered().length > 20, 'the first clients to be answered')
  for (const { text } of clients) expect(text).toMatch(/^(?:$|HTTP\/1\.1 (?:200 OK|502 Bad Gateway)\r\n)/)
  for (const client of clients) client.reset()
  await gateway.becomes(200)
  for (let i = 0; i < 10; i++) expect(await (await gateway.models()).text()).toBe('models')
  expect(await gateway.stop()).toBe(0)
  expect(gateway.output()).not.toContain('crashed')
})

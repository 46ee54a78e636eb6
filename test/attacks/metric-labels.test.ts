import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Counting, countingUpstream } from '../kit/counting.ts'
import { type Kit, startGateway } from '../kit/gateway.ts'

/** Stands in whatever a caller may choose. */
const MARK = 'zebra'
const MANY = 10_000

let upstream: Counting
let kit: Kit
let model = ''
beforeAll(async () => {
  // One that says back whatever model it is asked for.
  upstream = countingUpstream(() => {
    const headers = { 'x-tinfoil-usage-metrics': `prompt=1,completion=1,total=2,model=${model}`, [`x-${MARK}`]: MARK }
    return Response.json({ model, data: [] }, { headers })
  })
  kit = await startGateway({ upstream: upstream.url, isMeasured: true, rpm: 1_000_000, burst: 1_000_000 })
})
afterAll(async () => {
  await kit.stop()
  await upstream.stop()
})

const words = (at: string) => `${MARK}-${at}`
const chat = async (name: string) => {
  const body = JSON.stringify({
    model: name,
    user: words('user'),
    messages: [{ role: 'user', content: words('said') }],
  })
  return { method: 'POST', body, headers: await kit.bearer() }
}

test('nothing that a caller says is in the metrics', async () => {
  model = words('model')
  const bearer = await kit.bearer(words('subject'), `inference ${MARK}`)
  const said = (name: string) => ({ headers: { ...bearer, [name]: words(name) } })
  const headers = [
    ...['accept', 'content-type', 'cookie', 'idempotency-key', 'origin', 'referer', 'traceparent', 'tracestate'],
    ...[
      'user-agent',
      'x-forwarded-for',
      'x-request-id',
      'x-tinfoil-enclave-url',
      'x-tinfoil-model',
      'ehbp-encapsulated-key',
    ],
  ]
  const asked: [string, RequestInit][] = [
    [`/${MARK}`, {}],
    [`/v1/${MARK}`, { headers: bearer }],
    [`/v1/models/${MARK}`, { headers: bearer }],
    [`/v1/models?${MARK}=${MARK}`, { headers: bearer }],
    [`/v1/receipts/${MARK}`, { headers: bearer }],
    ['/v1/models', { method: MARK.toUpperCase(), headers: bearer }],
    ['/v1/models', { headers: { authorization: `Bearer ${MARK}` } }],
    ['/v1/models', { headers: { authorization: `Bearer ${MARK}.${MARK}.${MARK}` } }],
    ['/v1/models', { headers: { authorization: MARK } }],
    ['/v1/chat/completions', await chat(words('model'))],
    ['/v1/chat/completions', { ...(await chat(words('x'))), body: words('broken') }],
    ...headers.map((name): [string, RequestInit] => ['/v1/models', said(name)]),
  ]
  expect(asked).toHaveLength(25)
  for (const [path, init] of asked) await (await fetch(kit.url + path, init)).text()
  const text = await kit.metrics()
  expect(text).toContain('gen_ai_response_model="other"')
  expect(text.toLowerCase()).not.toContain(MARK)
})

test('ten thousand paths are no more series than two', async () => {
  const ask = async (index: number) => {
    // In this process, for the sake of speed: Bun's own server adds nothing to what is counted.
    const url = `http://localhost/v1/${words(`path-${index}`)}`
    await kit.fetch(new Request(url, { method: index % 2 ? 'GET' : 'DELETE' }))
  }
  const series = async () => (await kit.metrics()).split('\n').length
  for (let index = 0; index < 2; index++) await ask(index)
  const before = await series()
  for (let index = 0; index < MANY; index++) await ask(index)
  expect(await series()).toBe(before)
})

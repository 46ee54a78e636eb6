import { afterEach, describe, expect, test } from 'bun:test'
import { movedBy } from '../kit/exposition.ts'
import type { KitOptions } from '../kit/gateway.ts'
import type { Wire } from '../kit/raw.ts'
import { answerBytes, CHAT, CHUNKED, chunk, eventually, MODELS, stages } from '../kit/stage.ts'

const { set, clear } = stages()
afterEach(clear)

const LIST = answerBytes('200 OK', {}, JSON.stringify({ data: [{ id: 'small' }] }))
const ASKED = JSON.stringify({ model: 'small', messages: [] })
const TOLD = { 'Content-Length': String(ASKED.length) }

/** A gateway that counts, before an upstream that lists one model and answers all else so. */
const counting = (reply: string | ((wire: Wire) => unknown), options: Partial<KitOptions> = {}) =>
  set(
    async wire => {
      for (;;) {
        const { head } = await wire.message()
        if (head.startsWith('GET /v1/models')) await wire.send(LIST)
        else await (typeof reply === 'string' ? wire.send(reply) : reply(wire))
      }
    },
    { isMeasured: true, ...options },
  )

const request = (method: string, route: string, status: number, backend = 'tinfoil') => ({
  [`http_server_request_duration_seconds_count{http_request_method="${method}",http_route="${route}",http_response_status_code="${status}",backend="${backend}"}`]: 1,
})
const chat = (status: number, backend?: string) => request('POST', '/v1/chat/completions', status, backend)
const firstByte = (route = '/v1/chat/completions') => ({
  [`sealgate_time_to_first_byte_seconds_count{http_route="${route}",backend="tinfoil"}`]: 1,
})
const ending = (how: string) => ({ [`sealgate_endings_total{backend="tinfoil",ending="${how}"}`]: 1 })
const limit = (name: string, decision: string) => ({
  [`sealgate_limiter_decisions_total{limit="${name}",decision="${decision}"}`]: 1,
})
const problem = (code: string) => ({ [`sealgate_problems_total{code="${code}"}`]: 1 })
const auth = (code: string) => ({ ...problem(code), [`sealgate_auth_failures_total{reason="${code}"}`]: 1 })
const upstreams = (code: string) => ({
  ...problem(code),
  [`sealgate_upstream_errors_total{backend="tinfoil",code="${code}"}`]: 1,
})
const entered = limit('in_flight', 'allowed')
const tokens = (model: string, input: number, output: number) => {
  const labels = `gen_ai_operation_name="chat",gen_ai_provider_name="tinfoil",gen_ai_response_model="${model}"`
  const each = (type: string, count: number) => ({
    [`gen_ai_client_token_usage_sum{${labels},gen_ai_token_type="${type}"}`]: count,
    [`gen_ai_client_token_usage_count{${labels},gen_ai_token_type="${type}"}`]: 1,
  })
  return { ...each('input', input), ...each('output', output) }
}
const stated = (model: string) =>
  answerBytes('200 OK', { 'X-Tinfoil-Usage-Metrics': `prompt=7,completion=5,total=12,model=${model}` }, '{}')

describe('what moves the figures', () => {
  test('a forwarded answer moves what is told of requests, and nothing else', async () => {
    const { kit, get } = await counting('')
    expect(await movedBy(kit, async () => (await get()).text())).toEqual({
      ...{ ...request('GET', '/v1/models', 200), ...firstByte('/v1/models'), ...ending('complete'), ...entered },
    })
  })

  test('an answer that states its cost moves the tokens of its model', async () => {
    const { kit, post } = await counting(stated('small'))
    const ask = async () => (await post(ASKED)).text()
    const usual = { ...chat(200), ...firstByte(), ...ending('complete'), ...entered }
    expect(await movedBy(kit, ask)).toMatchObject(usual)
    // The list of models was asked for when the name was new.
    await eventually(async () => (await kit.metrics()).includes('gen_ai_response_model="small"'))
    expect(await movedBy(kit, ask)).toEqual({ ...usual, ...tokens('small', 7, 5) })
  })

  test('an estimate moves tokens of no model', async () => {
    const { kit, post } = await counting(answerBytes('200 OK', {}, '{}'))
    const moved = await movedBy(kit, async () => (await post('12345678')).text())
    expect(Object.keys(moved).filter(name => name.startsWith('gen_ai_'))).toHaveLength(0)
    const read = await movedBy(kit, async () => (await post(ASKED)).text())
    expect(Object.keys(read).filter(name => name.includes('gen_ai_response_model=""'))).not.toHaveLength(0)
    expect(Object.keys(read).filter(name => /gen_ai_response_model="[^"]/.test(name))).toHaveLength(0)
  })

  test('a path that nobody serves is counted as none', async () => {
    const { kit } = await counting('')
    expect(await movedBy(kit, async () => (await fetch(`${kit.url}/x/y`)).text())).toEqual({
      ...request('GET', 'none', 404, ''),
      ...problem('not_found'),
    })
  })

  test('a refusal of who calls moves its reason', async () => {
    const { kit, get } = await counting('')
    const models = request('GET', '/v1/models', 401, '')
    const asked = async (headers: Record<string, string>) => (await get({ headers })).text()
    expect(await movedBy(kit, () => asked({ authorization: '' }))).toEqual({ ...models, ...auth('token_missing') })
    expect(await movedBy(kit, () => asked({ authorization: 'Bearer x' }))).toEqual({
      ...models,
      ...auth('token_malformed'),
    })
    expect(await movedBy(kit, async () => asked(await kit.bearer('ada', 'other')))).toEqual({
      ...request('GET', '/v1/models', 403, ''),
      ...auth('insufficient_scope'),
    })
  })
})

describe('each limit moves its own decisions', () => {
  test('of requests', async () => {
    const { kit, get } = await counting('', { rpm: 1, burst: 1 })
    const ask = async () => (await get()).text()
    expect(await movedBy(kit, ask)).toMatchObject(limit('requests', 'allowed'))
    expect(await movedBy(kit, ask)).toEqual({
      ...{ ...request('GET', '/v1/models', 429, ''), ...problem('rate_limited') },
      ...{ ...entered, ...limit('requests', 'refused') },
    })
  })

  test('of what this process forwards', async () => {
    const { kit, get } = await counting('', { maxInFlight: 0 })
    expect(await movedBy(kit, async () => (await get()).text())).toEqual({
      ...{ ...request('GET', '/v1/models', 503, ''), ...problem('overloaded'), ...limit('in_flight', 'refused') },
    })
  })

  test('of open requests, which are told while they are open', async () => {
    const { kit, ask, get } = await counting(wire => wire.send(`${CHUNKED}${chunk('a')}`), { concurrent: 1 })
    const opened = await movedBy(kit, async () => {
      await (await ask(CHAT, TOLD, ASKED)).seen('a\r\n')
    })
    const open = { http_server_active_requests: 1, sealgate_open_streams: 1 }
    expect(opened).toEqual({ ...open, ...entered, ...limit('open', 'allowed') })
    expect(await movedBy(kit, async () => (await get()).text())).toEqual({
      ...{ ...request('GET', '/v1/models', 429, ''), ...problem('concurrent_limit_exceeded') },
      ...{ ...entered, ...limit('open', 'refused') },
    })
  })

  test('of tokens', async () => {
    const { kit, post } = await counting(stated('small'), { tokenLimit: 12 })
    const ask = async () => (await post(ASKED)).text()
    expect(await movedBy(kit, ask)).toMatchObject(limit('tokens', 'allowed'))
    await eventually(async () => (await post(ASKED)).status === 429)
    // The list of models was asked for when the name was new: what the first answer cost is counted when it came.
    await eventually(async () => (await kit.metrics()).includes('gen_ai_response_model="small"'))
    expect(await movedBy(kit, ask)).toEqual({
      ...{ ...chat(429, ''), ...problem('token_limit_exceeded'), ...entered, ...limit('tokens', 'refused') },
    })
  })

  test('of addresses', async () => {
    const { kit } = await counting(answerBytes('200 OK', {}, '{}'))
    const ask = async () => (await fetch(`${kit.url}/attestation`)).text()
    expect(await movedBy(kit, ask)).toMatchObject(limit('address', 'allowed'))
    await eventually(async () => (await fetch(`${kit.url}/attestation`)).status === 429)
    expect(await movedBy(kit, ask)).toMatchObject(limit('address', 'refused'))
  })
})

describe('what a backend does moves its own', () => {
  test('one that answers nonsense', async () => {
    const { kit, post } = await counting('nonsense\r\n\r\n')
    expect(await movedBy(kit, async () => (await post(ASKED)).text())).toEqual({
      ...{ ...chat(502), ...upstreams('upstream_malformed'), ...ending('failed'), ...entered },
    })
  })

  test('one that breaks off', async () => {
    const { kit, ask } = await counting(async wire => {
      await wire.send(`${CHUNKED}${chunk('a')}`)
      await Bun.sleep(30)
      wire.reset()
    })
    const moved = await movedBy(kit, async () => (await ask(CHAT, TOLD, ASKED)).gone())
    expect(moved).toEqual({ ...chat(200), ...firstByte(), ...ending('failed'), ...entered })
  })

  test('one that asks to be left alone cools once, and is not asked', async () => {
    const { kit, post } = await counting(answerBytes('503 Busy', { 'Retry-After': '5' }, 'busy'))
    const ask = async () => (await post(ASKED)).text()
    const cooled = { 'sealgate_cooldowns_total{backend="tinfoil"}': 1 }
    const first = await movedBy(kit, ask)
    expect(first).toEqual({ ...chat(503), ...firstByte(), ...ending('complete'), ...entered, ...cooled })
    expect(await movedBy(kit, ask)).toEqual({
      ...{ ...chat(503), ...upstreams('upstream_overloaded'), ...entered },
    })
  })

  test('one that is not there has nothing of ours that could end', async () => {
    const { kit, post, upstream } = await counting('')
    await upstream.stop()
    expect(await movedBy(kit, async () => (await post(ASKED)).text())).toEqual({
      ...{ ...chat(502), ...upstreams('upstream_unreachable'), ...entered },
    })
  })

  test('a client that leaves is no fault of the backend', async () => {
    const { kit, ask } = await counting(wire => wire.send(`${CHUNKED}${chunk('a')}`))
    const moved = await movedBy(kit, async () => {
      const wire = await ask(CHAT, TOLD, ASKED)
      await wire.seen('a\r\n')
      wire.reset()
      await eventually(async () => (await kit.metrics()).includes('ending="cancelled"} 1'))
    })
    expect(moved).toMatchObject({ ...chat(200), ...ending('cancelled') })
    expect(Object.keys(moved).join()).not.toMatch(/problems|upstream_errors|open_streams|active/)
  })
})

test('the age of the signing keys is told, and that they never came', async () => {
  const { kit } = await counting('')
  await eventually(async () => /^sealgate_jwks_age_seconds \d/m.test(await kit.metrics()))
  const { kit: without } = await counting('', { jwksUrl: 'http://127.0.0.1:1/' })
  expect(await without.metrics()).toContain('\nsealgate_jwks_age_seconds +Inf\n')
})

test('the metrics are not on the public port', async () => {
  const { kit } = await counting('')
  for (const path of ['/metrics', '/v1/metrics', '//metrics']) {
    const answer = await fetch(kit.url + path, { headers: await kit.bearer() })
    expect([path, (await answer.text()).includes('process_')]).toEqual([path, false])
    expect(answer.status).toBeGreaterThanOrEqual(400)
  }
  expect(await counting('').then(({ kit, ask }) => ask(MODELS).then(() => kit.metrics()))).toContain('process_')
})

import { afterEach, describe, expect, test } from 'bun:test'
import { clockAt } from '../kit/clock.ts'
import { clouds } from '../kit/cloud.ts'
import { countingUpstream } from '../kit/counting.ts'
import { CLOUD_KEY, startGateway, UPSTREAM_KEY } from '../kit/gateway.ts'

const { start, clear } = clouds()
const started: { stop(): Promise<void> }[] = []
afterEach(async () => {
  for (const part of started.splice(0).reverse()) await part.stop()
  await clear()
})

const SMALL = { id: 'llama', object: 'model', owned_by: 'tinfoil', context_window: 8192, x_sealgate_backend: 'mine' }
const OURS = ['stand-in/small', 'stand-in/large'].map(id => {
  return { id, object: 'model', created: 0, owned_by: 'stand-in', x_sealgate_backend: 'openai' }
})
const told = () => Response.json({ object: 'list', data: [SMALL], extra: 1 })

/** A gateway before a source of models and a cloud. */
async function setUp(reply: () => Response | Promise<Response> = told, options = {}) {
  const clock = clockAt(Date.now())
  const upstream = countingUpstream(reply)
  const { cloud, heard } = await start({ key: CLOUD_KEY })
  const origin = new URL(cloud.url).origin
  const kit = await startGateway({ upstream: upstream.url, cloud: origin, now: clock.now, ...options })
  started.push(upstream, kit)
  const headers = await kit.bearer()
  const ask = (init: RequestInit = {}) =>
    fetch(`${kit.url}/v1/models`, { ...init, headers: { ...headers, ...init.headers } })
  return { ask, clock, upstream, cloud, heard, kit }
}

describe('the models of two backends', () => {
  test.each([true, false])('are one list, each with the name of its backend (plaintext %p)', async plaintext => {
    const { ask, upstream, heard } = await setUp(told, { plaintext })
    const answer = await ask()
    expect(await answer.json()).toEqual({
      object: 'list',
      data: [{ ...SMALL, x_sealgate_backend: 'tinfoil' }, ...OURS],
    })
    expect([
      answer.status,
      ...['x-sealgate-backend', 'content-type', 'cache-control'].map(name => answer.headers.get(name)),
    ]).toEqual([200, 'tinfoil, openai', 'application/json', 'no-store, no-transform'])
    expect(upstream.requests.map(({ headers }) => headers.get('authorization'))).toEqual([`Bearer ${UPSTREAM_KEY}`])
    expect(heard.map(({ headers }) => headers.get('authorization'))).toEqual([`Bearer ${CLOUD_KEY}`])
  })

  test('have a HEAD that says how long the list is', async () => {
    const { ask } = await setUp()
    const { headers } = await ask({ method: 'HEAD' })
    const length = Buffer.byteLength(await (await ask()).text())
    expect([headers.get('content-length'), headers.get('x-sealgate-backend')]).toEqual([`${length}`, 'tinfoil, openai'])
  })

  test('are asked for at the same time, and once for all callers in five seconds', async () => {
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const { ask, clock, upstream, cloud } = await setUp(async () => {
      first.resolve()
      await second.promise
      return told()
    })
    const before = () => {
      second.resolve()
      return first.promise
    }
    cloud.next({ on: 'GET models', before })
    const counts = () => [upstream.requests.length, cloud.counts.get('GET models')]
    await Promise.all(Array.from({ length: 20 }, () => ask().then(answer => answer.text())))
    clock.pass(4999)
    await ask()
    expect(counts()).toEqual([1, 1])
    clock.pass(1)
    await ask()
    expect(counts()).toEqual([2, 2])
  })

  test('are those of the enclave alone for who names one, as they came', async () => {
    const { ask, upstream } = await setUp()
    const answer = await ask({ headers: { 'x-tinfoil-enclave-url': upstream.url } })
    expect([answer.headers.get('x-sealgate-backend'), await answer.json()]).toEqual([
      'tinfoil',
      { object: 'list', data: [SMALL], extra: 1 },
    ])
  })
})

describe('where a backend does not tell its models', () => {
  test.each<[string, () => Response, string]>([
    ['it is out of order', () => new Response('marked', { status: 500 }), 'upstream_malformed'],
    ['it refuses our key', () => new Response('marked', { status: 401 }), 'upstream_credentials'],
    ['it tells something else', () => Response.json({ data: [SMALL, 'marked'] }), 'upstream_malformed'],
    ['it tells no list', () => Response.json(null), 'upstream_malformed'],
    ['it tells 4 MiB and a byte', () => new Response('{"data":[]}'.padEnd(4_194_305)), 'upstream_malformed'],
    ['it tells no JSON', () => new Response('{"data":['), 'upstream_malformed'],
  ])('for %s, the other does, and the log says which did not', async (_, reply, code) => {
    const { ask, kit } = await setUp(reply)
    const answer = await ask()
    expect([answer.status, answer.headers.get('x-sealgate-backend'), await answer.json()]).toEqual([
      ...[200, 'openai', { object: 'list', data: OURS }],
    ])
    await ask()
    const lines = kit.lines.map(line => JSON.parse(line)).filter(({ event }) => event === 'models_failed')
    expect(lines).toEqual([
      { time: expect.any(String), level: 'warn', event: 'models_failed', backend: 'tinfoil', code },
    ])
  })

  test('the first does without the second', async () => {
    const { ask, cloud } = await setUp()
    cloud.next({ on: 'GET models', cut: 'before' })
    const answer = await ask()
    expect([answer.headers.get('x-sealgate-backend'), await answer.json()]).toEqual([
      'tinfoil',
      { object: 'list', data: [{ ...SMALL, x_sealgate_backend: 'tinfoil' }] },
    ])
  })

  test('and the other neither, it is what the first says, and not kept', async () => {
    let status = 403
    const { ask, cloud, kit } = await setUp(() => (status === 200 ? told() : new Response('marked', { status })))
    cloud.next({ on: 'GET models', status: 500 })
    const refused = await ask()
    expect([refused.status, await refused.json()]).toMatchObject([502, { error: { code: 'upstream_credentials' } }])
    const failed = kit.lines.flatMap(line => /"models_failed","backend":"(\w+)"/.exec(line)?.[1] ?? [])
    expect(failed).toEqual(['tinfoil', 'openai'])
    cloud.next({ on: 'GET models', status: 500 })
    status = 500
    expect(await (await ask()).json()).toMatchObject({
      error: { code: 'upstream_malformed', message: 'The upstream told no models: it answered with status 500.' },
    })
    status = 200
    expect((await ask()).headers.get('x-sealgate-backend')).toBe('tinfoil, openai')
  })

  test('since it asked to be left alone, it is', async () => {
    const busy = () => new Response('', { status: 503, headers: { 'retry-after': '60' } })
    const { ask, clock, upstream } = await setUp(busy)
    const backend = async () => (await ask()).headers.get('x-sealgate-backend')
    expect(await backend()).toBe('openai')
    clock.pass(4999)
    const chat = await ask({ headers: { 'x-tinfoil-enclave-url': upstream.url } })
    expect([chat.status, upstream.requests.length]).toEqual([503, 1])
  })
})

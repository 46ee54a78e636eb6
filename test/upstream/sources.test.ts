import { afterEach, describe, expect, test } from 'bun:test'
import { Problem } from '../../src/protocol/problem.ts'
import { calls } from '../../src/upstream/call.ts'
import { keySetSource } from '../../src/upstream/sources.ts'
import { type RawUpstream, rawUpstream, type Wire } from '../kit/raw.ts'
import { answerBytes, eventually, stages } from '../kit/stage.ts'

const { call } = calls()

const { set, also, clear } = stages()
afterEach(clear)

const KEYS = `\x00\x29\x00\x00\x20${'\xc3'.repeat(32)}\x00\x04\x00\x01\x00\x02`
const served = answerBytes('200 OK', { 'Content-Type': 'text/plain; charset=utf-8', 'Set-Cookie': 'a=b' }, KEYS)
const UNPROCESSABLE = answerBytes('422 Unprocessable Content', { 'Content-Type': 'application/problem+json' }, '{}')

const isForKeys = (head: string) => /^GET \S*\/\.well-known\/hpke-keys /.test(head)

/** Answers keys by the n-th of these, the last again and again, and everything else with a 422. */
function keysBy(...answers: (string | Promise<string>)[]) {
  let asked = 0
  return {
    asked: () => asked,
    reply: async (wire: Wire) => {
      for (;;) {
        const { head } = await wire.message()
        await wire.send(isForKeys(head) ? await (answers[asked++] ?? answers.at(-1) ?? '') : UNPROCESSABLE)
      }
    },
  }
}

const keysFrom = (url: string) => fetch(`${url}/.well-known/hpke-keys`, { decompress: false })
const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer()).toString('latin1')

describe('the key configuration', () => {
  test('is served to anyone, as it is, by its exact media type', async () => {
    const { kit, upstream } = await set(served, { base: ({ url }) => `${url}/base` })
    const answer = await keysFrom(kit.url)
    expect(answer.headers.get('content-type')).toBe('application/ohttp-keys')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.has('set-cookie')).toBe(false)
    expect(await bytesOf(answer)).toBe(KEYS)
    const head = (await upstream.first()).text
    expect(head).toStartWith('GET /base/.well-known/hpke-keys HTTP/1.1\r\n')
    expect(head.toLowerCase()).toContain('\r\naccept: application/ohttp-keys\r\n')
    expect(head.toLowerCase()).not.toMatch(/authorization|tk-upstream|accept-encoding|cookie/)
  })

  test('is fetched once for fifty who ask at once', async () => {
    const { reply, asked } = keysBy(Bun.sleep(100).then(() => served))
    const { kit } = await set(reply)
    const answers = await Promise.all(Array.from({ length: 50 }, () => keysFrom(kit.url)))
    for (const answer of answers) expect(await bytesOf(answer)).toBe(KEYS)
    expect(asked()).toBe(1)
  })

  test('is kept for five seconds', async () => {
    let time = Date.now()
    const { reply, asked } = keysBy(served)
    const { kit } = await set(reply, { now: () => time })
    await keysFrom(kit.url)
    time += 4999
    await keysFrom(kit.url)
    expect(asked()).toBe(1)
    time += 1
    await keysFrom(kit.url)
    expect(asked()).toBe(2)
  })

  test('is dropped when a 422 passes, at most once a second', async () => {
    let time = Date.now()
    const { reply, asked } = keysBy(served)
    const { kit, post } = await set(reply, { now: () => time })
    for (const [ms, wanted] of [
      [0, 2],
      [500, 2],
      [500, 3],
    ] as const) {
      time += ms
      await keysFrom(kit.url)
      expect((await post('{"sealed":"to the old key"}')).status).toBe(422)
      await keysFrom(kit.url)
      expect(asked()).toBe(wanted)
    }
  })

  test('is not kept if its fetch began before the 422', async () => {
    const old = Promise.withResolvers<string>()
    const { reply, asked } = keysBy(old.promise, answerBytes('200 OK', {}, 'new'))
    const { kit, post } = await set(reply)
    const early = keysFrom(kit.url)
    await eventually(() => asked() === 1)
    expect((await post('{"sealed":"to the old key"}')).status).toBe(422)
    expect(await bytesOf(await keysFrom(kit.url))).toBe('new')
    old.resolve(answerBytes('200 OK', {}, 'old'))
    expect(await bytesOf(await early)).toBe('old')
    expect(await bytesOf(await keysFrom(kit.url))).toBe('new')
    expect(asked()).toBe(2)
  })

  test('is asked for again after an error, which is told in our own words', async () => {
    const { reply } = keysBy(
      answerBytes('500 Oops', {}, 'secret words'),
      answerBytes('200 OK', {}, 'b'.repeat(4097)),
      served,
    )
    const { kit } = await set(reply)
    for (let i = 0; i < 2; i++) {
      const answer = await keysFrom(kit.url)
      expect(answer.status).toBe(502)
      const { error } = (await answer.json()) as { error: { code: string; message: string } }
      expect(error.code).toBe('upstream_malformed')
      expect(error.message).not.toContain('secret')
    }
    expect(await bytesOf(await keysFrom(kit.url))).toBe(KEYS)
  })
})

describe('the key set', () => {
  const json = (value: unknown) => answerBytes('200 OK', { 'Content-Type': 'application/json' }, JSON.stringify(value))
  const outcome = (load: () => Promise<unknown>) =>
    load().catch(error => (error instanceof Problem ? error.code : String(error)))

  /** An issuer whose discovery document is made by `document`. */
  async function issuer(document: (server: RawUpstream) => unknown) {
    const server: RawUpstream = also(
      await rawUpstream(async wire => {
        for (;;) {
          const { head } = await wire.message()
          const wanted = head.startsWith('GET /tenant/.well-known/openid-configuration ')
          await wire.send(wanted ? json(document(server)) : json({ keys: [], from: head.split(' ')[1] }))
        }
      }),
    )
    return server
  }

  test('is found at its URL, and nobody is asked for another', async () => {
    const server = await issuer(() => ({}))
    const load = keySetSource({ call, jwksUrl: `${server.url}/keys?a=b`, issuer: 'https://elsewhere.invalid' })
    expect(await outcome(load)).toEqual({ keys: [], from: '/keys?a=b' })
  })

  test.each(['', '/'])('is found through an issuer whose name ends in "%s"', async end => {
    const name = ({ url }: RawUpstream) => `${url}/tenant${end}`
    const server = await issuer(it => ({ issuer: name(it), jwks_uri: `${it.url}/keys` }))
    expect(await outcome(keySetSource({ call, jwksUrl: undefined, issuer: name(server) }))).toEqual({
      keys: [],
      from: '/keys',
    })
  })

  const wrong: Record<string, (server: RawUpstream) => unknown> = {
    'another issuer': ({ url }) => ({ issuer: `${url}/other`, jwks_uri: `${url}/keys` }),
    'the issuer with a slash more': ({ url }) => ({ issuer: `${url}/tenant/`, jwks_uri: `${url}/keys` }),
    'no issuer': ({ url }) => ({ jwks_uri: `${url}/keys` }),
    'no key set': ({ url }) => ({ issuer: `${url}/tenant` }),
    'a key set that is no string': ({ url }) => ({ issuer: `${url}/tenant`, jwks_uri: [`${url}/keys`] }),
    'a file for a key set': ({ url }) => ({
      issuer: `${url}/tenant`,
      jwks_uri: `file://${process.cwd()}/package.json`,
    }),
    nothing: () => null,
    'a string': () => 'issuer',
  }
  test.each(Object.entries(wrong))('is not looked for where the discovery document names %s', async (_, document) => {
    const server = await issuer(document)
    const load = keySetSource({ call, jwksUrl: undefined, issuer: `${server.url}/tenant` })
    expect(await outcome(load)).toBe('upstream_malformed')
  })

  test.each(['<html>secret</html>', '{"keys":[', '', '{"keys":"\xff"}'])('is malformed if it is %p', async body => {
    const server = also(await rawUpstream(answerBytes('200 OK', {}, body)))
    const load = keySetSource({ call, jwksUrl: server.url, issuer: undefined })
    const problem = await load().catch(error => error)
    expect(problem).toMatchObject({ code: 'upstream_malformed' })
    expect(Bun.inspect(problem)).not.toContain('secret')
  })
})

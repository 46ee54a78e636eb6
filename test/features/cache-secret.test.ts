import { afterEach, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { freshDirectory } from '../kit/directory.ts'
import { answerBytes, stages } from '../kit/stage.ts'

const { set, clear } = stages()
const directory = freshDirectory()
afterEach(async () => {
  await clear()
  rmSync(directory, { recursive: true, force: true })
})

const OK = answerBytes('200 OK', {}, 'ok')

/** A stage, and the cache secret of a caller there. */
async function setUp(path?: string) {
  const stage = await set(OK, path === undefined ? {} : { path })
  const ask = async (subject: string) =>
    fetch(`${stage.kit.url}/v1/cache-secret`, { headers: await stage.kit.bearer(subject) })
  return { ...stage, ask, secretOf: async (subject: string) => (await ask(subject)).json() }
}

test('each caller has a secret of their own, the same each time, and it is not to be stored', async () => {
  const { ask, secretOf, upstream } = await setUp()
  const answer = await ask('ada')
  expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store'])
  const secret = await answer.json()
  expect(secret).toEqual({ user_cache_secret: expect.stringMatching(/^[0-9a-f]{64}$/) })
  expect(await secretOf('ada')).toEqual(secret)
  expect(await secretOf('bob')).not.toEqual(secret)
  expect(upstream.wires).toEqual([])
})

test('it is the one that an open prompt of the same caller gets', async () => {
  const { post, secretOf, upstream } = await setUp()
  await post('{}')
  expect(JSON.parse((await upstream.first()).text.split('\r\n\r\n')[1] ?? '')).toEqual(await secretOf('ada'))
})

test('it outlives a restart, and is another under another key', async () => {
  const path = join(freshDirectory(), 'kept.db')
  const first = await setUp(path)
  const secret = await first.secretOf('ada')
  await clear()
  expect(await (await setUp(path)).secretOf('ada')).toEqual(secret)
  expect(await (await setUp()).secretOf('ada')).not.toEqual(secret)
})

test('it is nobody’s without a token, and counts against the limit', async () => {
  const { kit } = await set(OK, { rpm: 60, burst: 1 })
  const url = `${kit.url}/v1/cache-secret`
  expect((await fetch(url)).status).toBe(401)
  expect((await fetch(url, { headers: await kit.bearer('ada', 'profile') })).status).toBe(403)
  expect((await fetch(url, { headers: await kit.bearer() })).status).toBe(200)
  expect((await fetch(url, { headers: await kit.bearer() })).status).toBe(429)
})

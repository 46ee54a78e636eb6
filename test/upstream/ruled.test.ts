import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createTransport } from 'ehbp'
import { standInEnclave } from '../../src/dev/enclave.ts'
import { rules } from '../../src/gate/rules.ts'
import { fields } from '../../src/store/fields.ts'
import { openStore } from '../../src/store/open.ts'
import { DATA_KEY } from '../kit/database.ts'
import { engines } from '../kit/engines.ts'
import { type Kit, startGateway, UPSTREAM_KEY } from '../kit/gateway.ts'
import { rawUpstream, type Wire } from '../kit/raw.ts'
import { answerBytes, eventually } from '../kit/stage.ts'

const PROMPT = 'Be brief.'
const SHA256 = new Bun.CryptoHasher('sha256').update(PROMPT).digest('hex')
const JSON_TYPE = { 'content-type': 'application/json' }
const MULTIPART = { 'content-type': 'multipart/form-data; boundary=b' }

/** Whole requests that reached an upstream, and how many connections it saw. */
const heard: string[] = []
const wires: Wire[] = []
const upstream = await rawUpstream(async wire => {
  wires.push(wire)
  while (wire.ended === 'open') {
    const { head, body } = await wire.message().catch(() => ({ head: '', body: '' }))
    if (head === '') continue
    heard.push(head + body)
    await wire.send(answerBytes('200 OK', { 'Content-Type': 'application/json' }, '{}'))
  }
})
const enclave = await standInEnclave({ key: UPSTREAM_KEY, pace: 0 })
const kits: Kit[] = []
afterAll(async () => {
  for (const kit of kits) await kit.stop()
  await upstream.stop()
  await enclave.stop()
})

/** A gateway whose database rules about two models already. */
async function ruling(way: 'cloud' | 'enclave', base = upstream.url): Promise<Kit> {
  const url = await engines[0]!.fresh()
  const { store, keys } = await openStore({ url, dataKey: Buffer.from(DATA_KEY, 'hex'), identityKey: undefined })
  const changes = [
    { id: 'shut', public: false },
    { id: 'told', prompt: PROMPT },
  ]
  await rules({ store, fields: fields(keys.fields), now: Date.now }).change(changes, 'u_1')
  await store.close()
  const backend = way === 'cloud' ? { cloud: base, isSealing: false } : { enclaveHosts: ['*.inference.tinfoil.sh'] }
  const kit = await startGateway({ upstream: base, database: url, ...backend })
  kits.push(kit)
  return kit
}

const bodyOf = (request = '') => request.split(/\r\n\r\n(.*)/s)[1] ?? ''
const part = (name: string, value: string, more = '') =>
  `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`
const CHAT = '{ "model":"TOLD" ,"messages":[ {"role":"user","content":"\\u00e4"}],"n":1e999}'
const LED = CHAT.replace('[ ', `[{"role":"system","content":"${PROMPT}"}, `)
const RESPONSE = '{"model":"told","instructions":"Be \\u006bind.","input":"x"}'
const INSTRUCTED = RESPONSE.replace('"Be ', `"${PROMPT}\\n\\nBe `)

describe.each(['cloud', 'enclave'] as const)('an open body to the %s', way => {
  let kit: Kit
  beforeAll(async () => {
    kit = await ruling(way)
  })

  async function sent(path: string, init: RequestInit = {}) {
    heard.length = 0
    const headers = { ...(await kit.bearer()), ...(init.headers as Record<string, string>) }
    const answer = await fetch(`${kit.url}/v1${path}`, { method: 'POST', ...init, headers })
    const { error } = (await answer.json()) as { error?: { code?: string } }
    return { status: answer.status, code: error?.code, sha256: answer.headers.get('x-sealgate-instructions-sha256') }
  }

  test.each([
    ...['/chat/completions', '/chat/completions/input_tokens', '/responses', '/responses/input_tokens'],
    ...['/completions', '/embeddings', '/audio/speech'],
  ])('is a 403 at %s where it names a model that is shut', async path => {
    const body = '{"input":"x","model":"Sh\\u0075T"}'
    expect(await sent(path, { body, headers: JSON_TYPE })).toMatchObject({ status: 403, code: 'model_not_available' })
    expect(heard).toEqual([])
    const tool = '{"model":"other","tools":[{"model":"shut"}]}'
    expect((await sent(path, { body: tool, headers: JSON_TYPE })).code).toBe('model_not_available')
    expect(heard).toEqual([])
    expect((await sent(path, { body: '[{"model":"shut"}]', headers: JSON_TYPE })).code).toBe('malformed_json')
  })

  test.each([
    ['/chat/completions', CHAT, LED],
    ['/responses', RESPONSE, INSTRUCTED],
  ])('to %s gets the prompt first, and is else what it was', async (path, body, wanted) => {
    expect(await sent(path, { body, headers: JSON_TYPE })).toEqual({ status: 200, code: undefined, sha256: SHA256 })
    // An enclave gets the caller's cache secret beside it.
    expect(bodyOf(heard[0]).replace(/"user_cache_secret":"\w{64}",/, '')).toBe(wanted)
    expect(heard[0]?.toLowerCase()).toContain(`\r\ncontent-length: ${Buffer.byteLength(bodyOf(heard[0]))}\r\n`)
  })

  test('of any other model goes up as it came, and its answer tells of nothing', async () => {
    const body = '{ "model":"other" , "input":["\\u00e4"]}'
    expect(await sent('/embeddings', { body, headers: JSON_TYPE })).toMatchObject({ status: 200, sha256: null })
    expect(bodyOf(heard[0])).toBe(body)
  })

  test('that is a form is looked through as it goes up', async () => {
    const file = part('file', 'x'.repeat(200_000), '; filename="a.mp3"')
    const good = `${file}${part('model', 'other')}--b--\r\n`
    expect((await sent('/audio/transcriptions', { body: good, headers: MULTIPART })).status).toBe(200)
    expect(bodyOf(heard[0])).toBe(good)
    for (const form of [file + part('model', 'SHUT'), part('model', 'shut') + file]) {
      const refused = await sent('/audio/transcriptions', { body: `${form}--b--\r\n`, headers: MULTIPART })
      expect([refused.status, refused.code]).toEqual([403, 'model_not_available'])
      // What went up before is no whole request.
      expect(heard).toEqual([])
    }
    const other = await sent('/audio/transcriptions', { body: '{"model":"shut"}', headers: JSON_TYPE })
    // The cloud's is read, for it says that it is no form.
    const refusal = way === 'cloud' ? [403, 'model_not_available'] : [400, 'invalid_body']
    expect([other.status, other.code, heard]).toEqual([...refusal, []])
  })

  test('that is a form is on its way up before its file is whole', async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const writer = writable.getWriter()
    const answer = fetch(`${kit.url}/v1/audio/transcriptions`, {
      ...{ method: 'POST', headers: { ...MULTIPART, ...(await kit.bearer()) }, body: readable },
    })
    await writer.write(Buffer.from(part('file', `MARK ${way}`.padEnd(5000, 'x'), '; filename="a"').slice(0, -2)))
    await eventually(() => wires.some(wire => wire.text.includes(`MARK ${way}`)))
    await writer.write(Buffer.from(`\r\n${part('model', 'other')}--b--\r\n`))
    await writer.close()
    expect((await answer).status).toBe(200)
  })
})

test.each([
  ['x-tinfoil-model', 'Shut'],
  ['x-tinfoil-enclave-url', 'https://shut.inference.tinfoil.sh'],
])('the header %s to an enclave names no model that is shut', async (name, value) => {
  const kit = await ruling('enclave')
  heard.length = 0
  const headers = { ...JSON_TYPE, ...(await kit.bearer()), [name]: value }
  const answer = await fetch(`${kit.url}/v1/chat/completions`, { method: 'POST', headers, body: CHAT })
  expect([answer.status, await answer.text(), heard]).toEqual([403, expect.stringContaining('model_not_available'), []])
})

test('a sealed body is nobody’s to rule about', async () => {
  const kit = await ruling('enclave', enclave.url)
  const headers = { ...JSON_TYPE, ...(await kit.bearer()) }
  const body = JSON.stringify({ model: 'shut', messages: [{ role: 'user', content: 'Hello' }] })
  const answer = await (await createTransport(kit.url)).post(`${kit.url}/v1/chat/completions`, body, { headers })
  expect([answer.status, answer.headers.get('x-sealgate-instructions-sha256')]).toEqual([200, null])
})

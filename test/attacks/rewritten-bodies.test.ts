import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { array, assert, asyncProperty, boolean, constantFrom, oneof, record, string, tuple } from 'fast-check'
import { type CloudGateway, cloudGateways } from '../kit/books.ts'
import { engines } from '../kit/engines.ts'
import { CLOUD_KEY } from '../kit/gateway.ts'

const { start, clear } = cloudGateways()
afterAll(clear)

const RUNS = 150
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex')

// What a reader that writes JSON anew would spell otherwise: blanks, escapes, numbers, the order of keys.
const blank = constantFrom('', '', ' ', '\n', '\t', '\r\n', '  ')
const number = constantFrom('0', '-0', '1.0', '1e2', '1E+2', '123456789012345678901234567890', '0.1e-400', '1e400')
const text = string({ unit: 'grapheme', maxLength: 40 }).chain(plain =>
  constantFrom(
    JSON.stringify(plain),
    `"${plain.replace(/[\s\S]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`,
    `"\\/${JSON.stringify(plain).slice(1, -1)}\\ud800"`,
  ),
)
const scalar = oneof(number, text, constantFrom('null', 'true', 'false'))
const list = tuple(array(scalar, { maxLength: 5 }), blank).map(([all, gap]) => `[${gap}${all.join(`${gap},`)}${gap}]`)
const value = oneof(scalar, list)
const anything = array(value, { maxLength: 6 }).map(all => `{${all.map((one, n) => `"k${n}" : ${one}`).join(',')}}`)

const bodies = {
  '/v1/responses': (said: string) => ({ input: `[{"role":"user","content":${said}}]` }),
  '/v1/chat/completions': (said: string) => ({ messages: `[{"content":${said},"role":"user"}]` }),
}
const given = record({
  said: text,
  metadata: anything,
  top_p: number,
  stream: boolean(),
  gap: blank,
  isTurned: boolean(),
})

describe.each(Object.entries(bodies))('POST %s', (path, asking) => {
  let at: CloudGateway
  beforeAll(async () => {
    at = await start((await engines[0]?.fresh()) ?? '', { stand: { pace: 0 } })
  })

  test('passes bodies and answers on byte for byte', async () => {
    const authorization = await at.kit.bearer('ada', 'inference', 1e9)
    let tried = 0
    await assert(
      asyncProperty(given, async ({ said, metadata, top_p, stream, gap, isTurned }) => {
        const members = { model: '"stand-in/small"', ...asking(said), metadata, top_p, stream: String(stream) }
        const lines = Object.entries(members).map(([name, value]) => `${gap}"${name}"${gap}:${gap}${value}${gap}`)
        const body = `${gap}{${(isTurned ? lines.reverse() : lines).join(',')}}${gap}`
        const answer = await fetch(`${at.kit.url}${path}`, { method: 'POST', headers: authorization, body })
        const down = await answer.bytes()
        const { id } = /"id":"(?<id>(?:resp_|chatcmpl-)[^"]+)"/.exec(Buffer.from(down).toString())?.groups ?? {}
        // The stand-in signs the hashes of what it took and of what it gave.
        const headers = { authorization: `Bearer ${CLOUD_KEY}` }
        const signed = await (await fetch(`${at.cloud.url}/signature/${id}`, { headers })).json()
        expect([answer.status, Object(signed).text]).toEqual([200, `${sha256(body)}:${sha256(down)}`])
        tried++
      }),
      { numRuns: RUNS },
    )
    expect(tried).toBeGreaterThanOrEqual(RUNS)
  })
})

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { array, assert, asyncProperty, boolean, constantFrom, oneof, option, record, string, tuple } from 'fast-check'
import { account } from '../kit/account.ts'
import { type CloudGateway, cloudGateways } from '../kit/books.ts'
import { engines } from '../kit/engines.ts'
import { CLOUD_KEY } from '../kit/gateway.ts'

const { start, clear } = cloudGateways()
afterAll(clear)

// A thousand bodies in all: on each route, with a prompt of the operator's and without.
const RUNS = 25
const AT_ONCE = 10
const PROMPT = 'Say "é😀"\n\\ and no more.'
const ROOT = {
  ...{ provider: 'github', issuer: 'https://github.com', subject: 'root', email: 'root@example.com', isProven: true },
  ...{ name: null, avatarUrl: null, domain: null },
}
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
const given = record({
  said: text,
  instructions: option(oneof(text, constantFrom('""')), { nil: undefined }),
  metadata: anything,
  top_p: number,
  stream: boolean(),
  gap: blank,
  isTurned: boolean(),
})
type Given = typeof given extends { generate(...rest: never[]): { value: infer T } } ? T : never

interface Led {
  readonly instructions?: string | null
  readonly messages?: readonly object[]
}

const ROUTES = {
  '/v1/responses': {
    asking: ({ said, instructions }: Given) => ({
      input: `[{"role":"user","content":${said}}]`,
      ...(instructions !== undefined && { instructions }),
    }),
    led: ({ instructions }: Led) => ({ instructions: instructions ? `${PROMPT}\n\n${instructions}` : PROMPT }),
  },
  '/v1/chat/completions': {
    asking: ({ said, gap }: Given) => ({ messages: `[${gap}{"content":${said},"role":"user"}]` }),
    led: ({ messages = [] }: Led) => ({ messages: [{ role: 'system', content: PROMPT }, ...messages] }),
  },
}

function bodyOf({ metadata, top_p, stream, gap, isTurned }: Given, more: object): string {
  const members = { model: '"stand-in/small"', ...more, metadata, top_p, stream: String(stream) }
  const lines = Object.entries(members).map(([name, value]) => `${gap}"${name}"${gap}:${gap}${value}${gap}`)
  return `${gap}{${(isTurned ? lines.reverse() : lines).join(',')}}${gap}`
}

/** What was put into the first to make the second, in one place; `undefined` where more was done. */
function putIn(body: string, longer: string): string | undefined {
  let at = 0
  while (at < body.length && body[at] === longer[at]) at++
  const end = longer.length - (body.length - at)
  return end >= at && longer.slice(end) === body.slice(at) ? longer.slice(at, end) : undefined
}

describe.each(Object.entries(ROUTES))('POST %s', (path, { asking, led }) => {
  let at: CloudGateway
  beforeAll(async () => {
    const admins = { emails: [ROOT.email] }
    at = await start((await engines[0]?.fresh()) ?? '', { stand: { pace: 0 }, admins })
  })

  test.each([
    ['passes bodies and answers on byte for byte', undefined],
    ['puts a prompt into one member, and passes all else on byte for byte', PROMPT],
  ])('%s', async (_, prompt) => {
    const root = await account(at.kit, ROOT)
    const rules = { 'stand-in/small': { system_prompt: prompt ?? null } }
    expect((await root.ask('PATCH', '/admin/models', rules)).status).toBe(200)
    const headers = await at.kit.bearer('ada', 'inference', 1e9)
    let tried = 0

    async function passes(one: Given) {
      const body = bodyOf(one, asking(one))
      const answer = await fetch(`${at.kit.url}${path}`, { method: 'POST', headers, body })
      const down = await answer.bytes()
      const up = at.heard.find(({ id }) => id === answer.headers.get('x-upstream-request-id'))?.body.toString() ?? ''
      const { id } = /"id":"(?<id>(?:resp_|chatcmpl-)[^"]+)"/.exec(Buffer.from(down).toString())?.groups ?? {}
      // The stand-in signs the hashes of what it took and of what it gave.
      const key = { authorization: `Bearer ${CLOUD_KEY}` }
      const signed = await (await fetch(`${at.cloud.url}/signature/${id}`, { headers: key })).json()
      expect([answer.status, Object(signed).text]).toEqual([200, `${sha256(up)}:${sha256(down)}`])
      if (prompt === undefined) expect(up).toBe(body)
      else {
        expect([up, putIn(body, up)]).toEqual([up, expect.stringContaining(JSON.stringify(prompt).slice(1, -1))])
        expect(JSON.parse(up)).toEqual({ ...JSON.parse(body), ...led(JSON.parse(body)) })
      }
      tried++
    }
    const some = array(given, { minLength: AT_ONCE, maxLength: AT_ONCE })
    await assert(
      asyncProperty(some, async all => {
        await Promise.all(all.map(passes))
        at.heard.length = 0
      }),
      { numRuns: RUNS },
    )
    expect(tried).toBe(RUNS * AT_ONCE)
  })
})

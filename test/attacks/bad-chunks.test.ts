import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { HOST, hurl, type Outcome, type Target, target } from '../kit/attack.ts'
import { rawRequest } from '../kit/raw.ts'

const END = '0\r\n\r\n'

/** Chunked bodies that two readers could end at two places. */
const BROKEN: Readonly<Record<string, string>> = {
  'a size that is no number': `zz\r\nhello\r\n${END}`,
  'a negative size': `-5\r\nhello\r\n${END}`,
  'a size with a plus': `+5\r\nhello\r\n${END}`,
  'a size with 0x': `0x5\r\nhello\r\n${END}`,
  'a blank before the size': ` 5\r\nhello\r\n${END}`,
  'a blank behind the size': `5 \r\nhello\r\n${END}`,
  'no size': `\r\nhello\r\n${END}`,
  'a size of 2^64 + 5': `10000000000000005\r\nhello\r\n${END}`,
  'a size of 2^64 - 1': `ffffffffffffffff\r\nhello\r\n${END}`,
  'LF behind the size': `5\nhello\r\n${END}`,
  'CR behind the size': `5\rhello\r\n${END}`,
  'LF behind the chunk': `5\r\nhello\n${END}`,
  'nothing behind the chunk': `5\r\nhello${END}`,
  'a chunk longer than it said': `5\r\nhello!!\r\n${END}`,
  'an extension that ends in LF': `5;a\nhello\r\n${END}`,
  'an extension with a CR': `5;a\rb\r\nhello\r\n${END}`,
  'an extension of 100 KB': `5;${'a'.repeat(100_000)}\r\nhello\r\n${END}`,
  'an end of LF': '5\r\nhello\r\n0\n\n',
}

/** Bodies that everybody reads as `hello`. */
const WHOLE: typeof BROKEN = {
  plain: `5\r\nhello\r\n${END}`,
  'with leading zeros': '00005\r\nhello\r\n000\r\n\r\n',
  'with extensions': '5;a=b\r\nhello\r\n0;c="d"\r\n\r\n',
}

let at: Target
let outcomes: ReadonlyMap<string, Outcome>
const chunked = (mark: string) =>
  `POST /v1/embeddings?${mark} HTTP/1.1\r\n${HOST}${at.signed}Transfer-Encoding: chunked\r\n\r\n`
const smuggled = () => `GET /v1/models?smuggled HTTP/1.1\r\n${HOST}${at.signed}\r\n`

beforeAll(async () => {
  at = await target()
  const asked = Object.entries(BROKEN).flatMap(([name, body]) => [
    hurl(at.url, chunked('broken') + body + smuggled(), 100).then(outcome => [name, outcome] as const),
    // And with the body in a packet of its own, when the request is on its way already.
    later(chunked('broken'), body + smuggled()).then(outcome => [`${name}, later`, outcome] as const),
  ])
  outcomes = new Map(await Promise.all(asked))
})
afterAll(() => at.stop())

async function later(head: string, body: string): Promise<Outcome> {
  const wire = await rawRequest(at.url, head)
  await Bun.sleep(50)
  await wire.send(body)
  await wire.gone().catch(() => undefined)
  const { text, ended } = wire
  wire.reset()
  return { text, ended, statuses: [...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status)) }
}

describe('a body that breaks its framing is refused, and never whole for the upstream:', () => {
  test.each(Object.keys(BROKEN))('%s', name => {
    for (const when of [name, `${name}, later`]) {
      const { statuses = [], ended } = outcomes.get(when) ?? {}
      expect([[], [400], [413]]).toContainEqual([...statuses])
      expect([when, ended]).not.toEqual([when, 'open'])
    }
    expect(at.heard).toEqual([])
  })
})

describe('a body that breaks no rule goes up in chunks of our own:', () => {
  test.each(Object.entries(WHOLE))('%s', async (_, body) => {
    at.forget()
    expect((await hurl(at.url, chunked('whole') + body)).statuses).toEqual([200])
    expect(at.heard).toHaveLength(1)
    expect(at.heard[0]).toEndWith(`\r\n\r\n5\r\nhello\r\n${END}`)
  })
})

test('a chunk of 4 GiB and five bytes is no chunk of five', async () => {
  at.forget()
  const wire = await rawRequest(at.url, `${chunked('huge')}100000005\r\nhello\r\n${END}${smuggled()}`)
  await Bun.sleep(300)
  expect(wire.text).toBe('')
  wire.reset()
  expect(at.heard).toEqual([])
})

// Bun refuses trailers by a 400 of its own, if late: what it has read of the body may be upstream by then.
test('trailers change nothing, and do not go up', async () => {
  at.forget()
  for (const trailer of ['X-T: evil', 'Authorization: evil', 'Content-Length: 5', 'Transfer-Encoding: chunked']) {
    const outcome = await hurl(at.url, `${chunked('trailer')}5\r\nhello\r\n0\r\n${trailer}\r\n\r\n${smuggled()}`, 50)
    expect(outcome.statuses).toEqual([400])
    expect(outcome.ended).not.toBe('open')
  }
  expect(at.heard.join('')).not.toMatch(/evil|smuggled|x-t/i)
})

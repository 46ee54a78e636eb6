import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { HOST, hurl as hurlOnce, type Outcome, REFUSALS, type Target, target } from '../kit/attack.ts'

/** Long enough for a second answer, if somebody falls for it. */
const hurl = (url: string, bytes: string) => hurlOnce(url, bytes, 100)

let at: Target
let outcomes: ReadonlyMap<string, Outcome>

/** Headers, and the body that one reader sees in them; another would see a second request behind it. */
const REFUSED: Readonly<Record<string, readonly [headers: string, body?: string]>> = {
  'a length and chunks': ['Content-Length: 5\r\nTransfer-Encoding: chunked', '0\r\n\r\n'],
  'chunks and a length': ['Transfer-Encoding: chunked\r\nContent-Length: 5', '0\r\n\r\n'],
  'chunks and no length of 0': ['Transfer-Encoding: chunked\r\nContent-Length: 0', '0\r\n\r\n'],
  'two lengths': ['Content-Length: 5\r\nContent-Length: 0'],
  'two lengths, the shorter first': ['Content-Length: 0\r\nContent-Length: 5'],
  'two equal lengths': ['Content-Length: 5\r\nContent-Length: 5'],
  'three equal lengths': ['Content-Length: 5\r\ncontent-length: 5\r\nCONTENT-LENGTH: 5'],
  'a list of equal lengths': ['Content-Length: 5, 5'],
  'a list of lengths': ['Content-Length: 5, 0'],
  'a length with a plus': ['Content-Length: +5'],
  'a negative length': ['Content-Length: -5'],
  'a length of minus nothing': ['Content-Length: -0', ''],
  'a length in hex': ['Content-Length: 0x5'],
  'a length with an exponent': ['Content-Length: 5e0'],
  'a length with a fraction': ['Content-Length: 5.0'],
  'a length of two words': ['Content-Length: 5 0'],
  'an empty length': ['Content-Length:', ''],
  'a length of 2^64 + 5': ['Content-Length: 18446744073709551621'],
  'a length of 2^63': ['Content-Length: 9223372036854775808'],
  'a length in quotes': ['Content-Length: "5"'],
  'a blank before the colon of the length': ['Content-Length : 5'],
  'a tab before the colon of the length': ['Content-Length\t: 5'],
  'a vertical tab before the colon of the length': ['Content-Length\x0b: 5'],
  'a blank before the colon of the coding': ['Transfer-Encoding : chunked', '0\r\n\r\n'],
  xchunked: ['Transfer-Encoding: xchunked', '0\r\n\r\n'],
  'xchunked and a length': ['Transfer-Encoding: xchunked\r\nContent-Length: 5'],
  identity: ['Transfer-Encoding: identity', ''],
  'identity and a length': ['Transfer-Encoding: identity\r\nContent-Length: 5'],
  'gzip under chunks': ['Transfer-Encoding: gzip, chunked', '0\r\n\r\n'],
  'chunks under identity': ['Transfer-Encoding: chunked, identity', '0\r\n\r\n'],
  'chunks under chunks': ['Transfer-Encoding: chunked, chunked', '0\r\n\r\n'],
  'a quoted coding': ['Transfer-Encoding: "chunked"', '0\r\n\r\n'],
  'a coding with a parameter': ['Transfer-Encoding: chunked;q=1', '0\r\n\r\n'],
  'a coding behind a vertical tab': ['Transfer-Encoding: \x0bchunked', '0\r\n\r\n'],
  'a coding before a control': ['Transfer-Encoding: chunked\x0c', '0\r\n\r\n'],
  'an empty coding': ['Transfer-Encoding:', '0\r\n\r\n'],
  'an empty coding and a length': ['Transfer-Encoding:\r\nContent-Length: 5'],
  'the coding twice': ['Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', '0\r\n\r\n'],
  'the coding twice, once as nothing': ['Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', '0\r\n\r\n'],
  'a folded coding': ['Transfer-Encoding:\r\n chunked', '0\r\n\r\n'],
  'a folded line': ['X: a\r\n b\r\nContent-Length: 5'],
  'a length hidden in a fold': ['X: a\r\n Content-Length: 5'],
  'a fold of a tab': ['X: a\r\n\tContent-Length: 5'],
  'a line that ends in LF': ['X: a\nContent-Length: 5'],
  'headers that end in LF': ['Content-Length: 5\r\n\nhello'],
  'a line that ends in CR': ['X: a\rContent-Length: 5'],
  'a coding behind a bare CR': ['X: a\rTransfer-Encoding: chunked\r\nContent-Length: 5'],
  'a line that ends in CR CR LF': ['X: a\r\r\nContent-Length: 5'],
  'a NUL in a value': ['X: a\0\r\nContent-Length: 5'],
  'a NUL in a name': ['X\0: a\r\nContent-Length: 5'],
  'a line without a colon': ['Content-Length\r\nContent-Length: 5'],
  'a line without a name': [': chunked\r\nContent-Length: 5'],
}

/** What Bun reads as one request, as any reader would: it goes up as one, in framing of our own or a plain length. */
const READ: typeof REFUSED = {
  'leading zeros': ['Content-Length: 0000005'],
  'blanks around the length': ['Content-Length: \t 5 \t'],
  'the coding in capitals': ['Transfer-Encoding: CHUNKED', '5\r\nhello\r\n0\r\n\r\n'],
  'a list with nothing behind the coding': ['Transfer-Encoding: chunked,', '5\r\nhello\r\n0\r\n\r\n'],
  'a coding with an underscore and a length': ['Transfer_Encoding: chunked\r\nContent-Length: 5'],
  'a length with an underscore beside a true one': ['Content_Length: 0\r\nContent-Length: 5'],
  'a length that Connection names': ['Connection: Content-Length\r\nContent-Length: 5'],
  'a coding that Connection names': [
    'Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked',
    '5\r\nhello\r\n0\r\n\r\n',
  ],
  'TE beside a length': ['TE: chunked\r\nContent-Length: 5'],
}

const smuggled = () => `GET /v1/models?smuggled HTTP/1.1\r\n${HOST}${at.signed}\r\n`

beforeAll(async () => {
  at = await target()
  const shapes = Object.entries({ ...REFUSED, ...READ })
  const asked = shapes.map(async ([name, [headers, body = 'hello']], mark) => {
    const line = `POST /v1/embeddings?mark=${mark} HTTP/1.1\r\n${HOST}${at.signed}`
    const behind = name in READ ? '' : smuggled()
    return [name, await hurl(at.url, `${line}${headers}\r\n\r\n${body}${behind}`)] as const
  })
  outcomes = new Map(await Promise.all(asked))
})
afterAll(() => at.stop())

const heardOf = (name: string, all: object) => {
  const mark = Object.keys(all).indexOf(name)
  return at.heard.filter(request => request.includes(`?mark=${mark} `))
}

describe('a request with two readings is refused, and neither it nor what is behind it goes up:', () => {
  test.each(Object.keys(REFUSED))('%s', name => {
    const { statuses = [], ended } = outcomes.get(name) ?? {}
    expect(statuses.every(status => REFUSALS.has(status))).toBe(true)
    expect(statuses.length).toBeLessThanOrEqual(1)
    expect(ended).not.toBe('open')
    expect(heardOf(name, REFUSED)).toEqual([])
  })
})

describe('a request with one reading goes up as one:', () => {
  test.each(Object.keys(READ))('%s', name => {
    const { statuses } = outcomes.get(name) ?? {}
    expect(statuses).toEqual([200])
    const [request = '', ...more] = heardOf(name, { ...REFUSED, ...READ })
    expect(more).toEqual([])
    const [head = ''] = request.split('\r\n\r\n', 1)
    const body = request.slice(head.length + 4)
    const framing = head.toLowerCase().match(/\r\n(content-length|transfer-encoding): .*/g) ?? []
    expect(framing).toHaveLength(1)
    expect(framing[0]).toMatch(/^\r\n(content-length: 0*5|transfer-encoding: chunked)$/)
    expect(framing[0]?.includes('chunked') ? body.endsWith('5\r\nhello\r\n0\r\n\r\n') : body === 'hello').toBe(true)
  })
})

describe('two requests at once', () => {
  test('are two requests where nothing confuses them, so that these tests can fail', async () => {
    at.forget()
    expect((await hurl(at.url, smuggled())).statuses).toEqual([200])
    expect(at.heard).toHaveLength(1)
  })

  test('equal lengths are refused in our own words where nothing is behind them', async () => {
    at.forget()
    for (const line of ['POST /v1/embeddings', 'GET /v1/models', 'GET /health', 'POST /nowhere']) {
      const lengths = 'Content-Length: 5\r\nContent-Length: 5\r\n'
      const { statuses, text } = await hurl(at.url, `${line} HTTP/1.1\r\n${HOST}${at.signed}${lengths}\r\nhello`)
      expect([line, ...statuses]).toEqual([line, 400])
      expect(text).toContain('"code":"malformed_length"')
      expect(text.toLowerCase()).toContain('x-protocol-version: 1')
    }
    expect(at.heard).toEqual([])
  })

  // Bun answers none of two requests that come in one packet while the first waits: a client may send them again.
  test.each(['GET /v1/models', 'POST /v1/embeddings', 'GET /health', 'GET /nowhere', 'GET //x'])(
    'pipelined behind %s are answered in order or not at all',
    async line => {
      at.forget()
      const first = `${line} HTTP/1.1\r\n${HOST}${at.signed}Content-Length: 0\r\n\r\n`
      const { statuses } = await hurl(at.url, first + smuggled())
      expect(statuses.length).toBeLessThanOrEqual(2)
      if (statuses.length < 2) expect(at.heard.filter(request => request.includes('smuggled'))).toEqual([])
    },
  )
})

describe('a body that looks like a request stays a body', () => {
  const bodies = () => {
    const inner = smuggled()
    return [
      `Content-Length: ${inner.length}\r\n\r\n${inner}`,
      `Transfer-Encoding: chunked\r\n\r\n${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`,
    ]
  }

  test.each([
    ['GET /v1/models', 200],
    ['HEAD /v1/models', 200],
    ['GET /health', 200],
    ['POST /nowhere', 404],
    ['DELETE /v1/models', 405],
    ['POST //v1/models', 400],
    ['TRACE /health', 405],
  ])('of %s', async (line, status) => {
    for (const body of bodies()) {
      at.forget()
      const { statuses } = await hurl(at.url, `${line} HTTP/1.1\r\n${HOST}${at.signed}${body}`)
      expect(statuses).toEqual([status])
      expect(at.heard.filter(request => request.includes('smuggled'))).toEqual([])
    }
  })

  test('that comes after a refusal', async () => {
    for (const signed of ['', `Authorization: Bearer x\r\n`]) {
      for (const body of bodies()) {
        at.forget()
        const line = `POST /v1/embeddings HTTP/1.1\r\n${HOST}${signed}`
        expect((await hurl(at.url, line + body)).statuses).toEqual([401])
        expect(at.heard).toEqual([])
      }
    }
  })
})

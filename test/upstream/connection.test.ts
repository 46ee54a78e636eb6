import { expect, test } from 'bun:test'
import { array, assert, constantFrom, nat, property, tuple } from 'fast-check'
import { Connection, type Home, type Told } from '../../src/upstream/connection.ts'
import type { Answer } from '../../src/upstream/received.ts'
import { testData } from '../kit/data.ts'
import { split } from '../kit/split.ts'
import { answerBytes, CHUNKED, chunk } from '../kit/stage.ts'
import { strictly } from '../kit/strict.ts'

const OK = answerBytes('200 OK', {}, 'ok')

/** A connection whose line is made of nothing, given to a GET; what is told of it. */
function standing(method = 'GET', isStanding = true) {
  const told: string[] = []
  let answer: Answer | undefined
  const home: Home = {
    dial: () => undefined,
    keep: () => void told.push('kept'),
    orphan: () => void told.push('orphan'),
    drop: () => undefined,
  }
  const user: Told = {
    reached: () => undefined,
    answered: given => {
      answer = given
    },
    failed: ({ code }, untaken) => void told.push(untaken ? `${code}, untaken` : code),
  }
  const connection = new Connection(home)
  connection.begin(user, method === 'HEAD', true)
  connection.made({
    write: bytes => bytes.length,
    pause: () => void told.push('paused'),
    resume: () => void told.push('resumed'),
    ref: () => undefined,
    unref: () => undefined,
    close: () => void told.push('left'),
    terminate: () => void told.push('cut'),
  })
  if (isStanding) connection.stands()
  connection.isSent = true
  return { connection, told, user, answer: () => answer }
}

/** What is read of an answer, to its end or its break. */
async function readingOf(answer: Answer | undefined) {
  if (!answer) return undefined
  const pieces: Buffer[] = []
  const reading = (async () => {
    for await (const piece of answer) pieces.push(piece)
  })()
  // One that is neither whole nor broken would be waited for without end.
  await Promise.race([reading.catch(() => undefined), Bun.sleep(0)])
  return { status: answer.statusCode, body: Buffer.concat(pieces).toString('latin1'), whole: answer.complete }
}

/** What becomes of an answer that comes in these pieces, and then perhaps ends. */
async function heard(pieces: readonly Buffer[], ends: boolean) {
  const { connection, told, answer } = standing()
  for (const piece of pieces) connection.heard(Buffer.from(piece))
  if (ends) connection.ended(true)
  return { reading: await readingOf(answer()), told }
}

test('an answer by its length leaves the connection free, and one by its end does not', async () => {
  expect(await heard([Buffer.from(OK)], false)).toEqual({
    reading: { status: 200, body: 'ok', whole: true },
    told: ['kept'],
  })
  expect(await heard([Buffer.from('HTTP/1.1 200 OK\r\n\r\nok')], true)).toEqual({
    reading: { status: 200, body: 'ok', whole: true },
    told: ['left'],
  })
})

test.each(['x', OK, 'HTTP/1.1 103 Early Hints\r\n\r\n'])('a byte out of turn cuts it: %p', evil => {
  const together = standing()
  together.connection.heard(Buffer.from(OK + evil))
  expect(together.told).toEqual(['left'])
  const later = standing()
  later.connection.heard(Buffer.from(OK))
  later.connection.heard(Buffer.from(evil))
  expect(later.told).toEqual(['kept', 'cut'])
})

test('what is said before it is known who speaks is no answer', () => {
  const { connection, told, answer } = standing('GET', false)
  connection.heard(Buffer.from(OK))
  expect([answer(), told]).toEqual([undefined, ['cut', 'upstream_malformed']])
})

test('an answer before the request is whole, or to a write that failed, leaves no connection', () => {
  const early = standing()
  early.connection.isSent = false
  early.connection.heard(Buffer.from(OK))
  expect(early.told).toEqual(['left'])
  const broken = standing()
  broken.connection.outbox.isBroken = true
  broken.connection.heard(Buffer.from(OK))
  expect(broken.told).toEqual(['left'])
})

test('one that ends without a word was untaken if it was kept, and not if it is new', () => {
  const { connection, told, user } = standing()
  connection.heard(Buffer.from(OK))
  connection.begin(user, false, true)
  connection.ended(true)
  expect(told).toEqual(['kept', 'cut', 'upstream_unreachable, untaken'])
  const fresh = standing()
  fresh.connection.ended(true)
  expect(fresh.told).toEqual(['cut', 'upstream_unreachable'])
})

test('a reader that is slow holds the line back until it has read all, or is gone', async () => {
  const { connection, told, answer } = standing()
  connection.heard(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n'))
  for (let i = 0; i < 3; i++) connection.heard(Buffer.alloc(50_000))
  expect(told).toEqual(['paused'])
  const pieces = answer()?.[Symbol.asyncIterator]()
  for (let i = 0; i < 3; i++) await pieces?.next()
  expect(told).toEqual(['paused', 'resumed'])
  for (let i = 0; i < 3; i++) connection.heard(Buffer.alloc(50_000))
  expect(told).toEqual(['paused', 'resumed', 'paused', 'resumed', 'kept'])
})

test.each([
  ['in single bytes', 'HTTP/1.1 200 OK\r\n\r\n', 'a'],
  ['in chunks that are extensions for the most part', CHUNKED, `1;${'x'.repeat(4000)}\r\na\r\n`],
])('what comes %s is held back by what it takes of memory', (_, head, piece) => {
  const { connection, told } = standing()
  connection.heard(Buffer.from(head))
  // Not Buffer.from, whose small ones are parts of a larger piece of memory.
  for (let i = 0; i < 100 && told.length === 0; i++) connection.heard(Buffer.alloc(piece.length, piece))
  expect(told).toEqual(['paused'])
})

test('one that is given up is cut, and what it still says reaches nobody', async () => {
  const { connection, told, answer } = standing()
  connection.heard(Buffer.from(CHUNKED + chunk('first')))
  answer()?.destroy()
  connection.heard(Buffer.from(chunk('second')))
  connection.ended(true)
  expect(told).toEqual(['cut'])
  expect(await readingOf(answer())).toEqual({ status: 200, body: '', whole: false })
})

const BASES = [
  OK,
  answerBytes('200 OK', {}, ''),
  `${CHUNKED}${chunk('ok')}${chunk('more')}0\r\nX-Usage: 1\r\n\r\n`,
  'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.0 200 OK\r\n\r\nto the end',
  ...(testData<{ cases: { raw_b64: string }[] }>('corpora/http-response/llhttp-response.json')?.cases ?? []).map(
    ({ raw_b64 }) => Buffer.from(raw_b64, 'base64').toString('latin1'),
  ),
]
const SEEDS = [
  '\r\n',
  '\r',
  '\n',
  '\0',
  ' ',
  ':',
  '\t',
  '0',
  '1',
  'f',
  ';',
  ',',
  'Content-Length: 1\r\n',
  '\xa0',
  '\x7f',
  '',
]

test('any answer, mutated and cut anywhere, is told as a reader of the letter has it', async () => {
  const mutation = tuple(nat(), nat(3), constantFrom(...SEEDS))
  const cases = array(
    tuple(constantFrom(...BASES), array(mutation, { maxLength: 2 }), array(nat(), { maxLength: 8 })),
    {
      minLength: 20,
      maxLength: 20,
    },
  )
  const all: [string, readonly number[]][] = []
  void assert(
    property(cases, given => {
      for (const [base, mutations, cuts] of given) {
        let text = base
        for (const [place, cut, seed] of mutations) {
          const at = place % (text.length + 1)
          text = text.slice(0, at) + seed + text.slice(at + cut)
        }
        all.push([text, cuts])
      }
    }),
    { numRuns: 50 },
  )
  for (const [text, cuts] of all) {
    for (const ends of [true, false]) {
      const { reading, told } = await heard(split(Buffer.from(text, 'latin1'), cuts), ends)
      const truth = strictly(text, ends)
      const isWhole = truth?.whole ?? false
      expect([text, reading?.whole ?? false]).toEqual([text, isWhole])
      if (isWhole)
        expect({ text, ...reading }).toEqual({ text, ...(truth as object), whole: true, rest: undefined } as never)
      // Whose end is not that of all that came is nobody's again.
      if (told.at(-1) === 'kept') expect([text, truth?.rest]).toEqual([text, ''])
    }
  }
})

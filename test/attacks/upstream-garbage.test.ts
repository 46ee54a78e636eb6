import { afterEach, describe, expect, test } from 'bun:test'
import { testData } from '../kit/data.ts'
import { rawRequest, requestBytes, type Wire } from '../kit/raw.ts'
import { answerBytes, CHUNKED, MODELS, type Stage, stages } from '../kit/stage.ts'
import { type Reading, strictly } from '../kit/strict.ts'

const { set, clear } = stages()
afterEach(clear)

/** Bytes that an upstream answers with. */
interface Case {
  readonly name: string
  readonly bytes: string
}

const latin1 = (base64: string) => Buffer.from(base64, 'base64').toString('latin1')
const FOLDER = 'corpora/http-response'
const curl = testData<{ cases: { curl_test: number; name: string; response_b64: string }[] }>(
  `${FOLDER}/curl-replies.json`,
)
const llhttp = testData<{ cases: { name: string; mode: string; raw_b64: string }[] }>(`${FOLDER}/llhttp-response.json`)
const wpt = testData<{ cases: { input: string }[] }>(`${FOLDER}/wpt-content-lengths.json`)

/** What the corpora lack. */
const OURS: Case[] = [
  { name: 'another protocol of the same grammar', bytes: 'ICE/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok' },
  { name: 'a protocol for cameras', bytes: 'RTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok' },
  { name: 'a version of the future', bytes: 'HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok' },
  { name: 'a version of the past', bytes: 'HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nok' },
  { name: 'a status line of HTTP/2', bytes: 'HTTP/2 200\r\ncontent-length: 2\r\n\r\nok' },
  { name: 'an HTTP/2 settings frame', bytes: '\x00\x00\x00\x04\x00\x00\x00\x00\x00' },
  { name: 'a TLS alert', bytes: '\x15\x03\x01\x00\x02\x02\x46' },
  { name: 'nothing but blank lines', bytes: '\r\n'.repeat(1000) },
  { name: 'interim answers and then none', bytes: 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100) },
  { name: 'a chunk of negative size', bytes: `${CHUNKED}-2\r\nok\r\n0\r\n\r\n` },
  { name: 'a chunk of 2^64 + 2 bytes', bytes: `${CHUNKED}10000000000000002\r\nok\r\n0\r\n\r\n` },
  { name: 'a chunk size in hexadecimal notation', bytes: `${CHUNKED}0x2\r\nok\r\n0\r\n\r\n` },
  { name: 'a chunk size of nothing', bytes: `${CHUNKED}\r\nok\r\n0\r\n\r\n` },
  { name: 'chunks that end by bare line feeds', bytes: `${CHUNKED}2\nok\n0\n\n` },
  { name: 'a forged end inside a chunk extension', bytes: `${CHUNKED}2;a=\n0\r\nok\r\n` },
  { name: 'a last chunk and no end of the trailer', bytes: `${CHUNKED}2\r\nok\r\n0\r\nX-A: b\r\n` },
  { name: 'a length in a trailer', bytes: `${CHUNKED}2\r\nok\r\n0\r\nContent-Length: 9\r\n\r\n` },
  { name: 'HTTP/1.0 in chunks', bytes: `${CHUNKED.replace('1.1', '1.0')}2\r\nok\r\n` },
  { name: 'a length with a plus', bytes: 'HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok' },
  { name: 'a space before the colon', bytes: 'HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok' },
  { name: 'a NUL in a name', bytes: 'HTTP/1.1 200 OK\r\nX-\x00: 2\r\n\r\nok' },
]

const CORPORA: Record<string, readonly Case[] | undefined> = {
  'of our own': OURS,
  'of curl': curl?.cases.map(({ curl_test, name, response_b64 }) => ({
    name: `${curl_test} ${name}`,
    bytes: latin1(response_b64),
  })),
  'of llhttp': llhttp?.cases.map(({ name, mode, raw_b64 }) => ({ name: `${name} (${mode})`, bytes: latin1(raw_b64) })),
  'of the web platform, about lengths': wpt?.cases.map(({ input }) => ({
    name: JSON.stringify(input),
    bytes: `HTTP/1.1 200 OK\r\n${input}\r\n\r\n${'x'.repeat(42)}`,
  })),
}

/** A gateway whose upstream answers `?case=n` with the bytes of that case, and hangs up or not. */
function staged(cases: readonly Case[], hangsUp: boolean): Promise<Stage> {
  return set(
    async wire => {
      for (;;) {
        const { head } = await wire.message()
        const index = /\?case=(\d+) /.exec(head)?.[1]
        await wire.send(index ? (cases[Number(index)]?.bytes ?? '') : answerBytes('200 OK', {}, 'mine'))
        if (index && hangsUp) return wire.fin()
      }
    },
    // Long enough for whatever comes to come, on a busy machine too.
    { patience: { headerMs: 10_000 } },
  )
}

/** Waits until the answer is whole or broken; gives up without a fault. */
async function settled(client: Wire): Promise<void> {
  await client.until(text => strictly(text, false)?.whole ?? false).catch(() => undefined)
}

/** What is wrong with what a client was told of these bytes, if anything is. */
function wrongWith({ bytes }: Case, hungUp: boolean, client: Wire): string | undefined {
  const told = strictly(client.text, false)
  const truth = strictly(bytes, hungUp)
  if (told?.whole) return wrongEnd(told, truth) && `${wrongEnd(told, truth)}: ${client.text}`
  if (truth?.whole) return `not told the end: ${client.text}`
  return hungUp && client.ended === 'open' ? 'kept waiting for what will never come' : undefined
}

function wrongEnd(told: Reading, truth: Reading | undefined): string | undefined {
  const refused = (told.status === 502 || told.status === 504) && /"code":"upstream_\w+"/.test(told.body)
  if (refused) return truth?.whole && truth.rest === '' ? 'refused, and it was whole' : undefined
  if (!truth?.whole) return 'told an end that never was'
  const status = [401, 402, 403].includes(truth.status) ? 502 : truth.status
  return told.body === truth.body && told.status === status ? undefined : 'told something else'
}

describe('an answer that somebody collected is told by the letter, refused, or broken off', () => {
  for (const [origin, cases] of Object.entries(CORPORA)) {
    const name = (what: string) => `${origin}, ${what}${cases ? '' : ' [no test data]'}`

    test.skipIf(!cases)(name('by an upstream that hangs up, and the next request is answered'), async () => {
      const { ask } = await staged(cases ?? [], true)
      for (const [index, one] of (cases ?? []).entries()) {
        const client = await ask(`${MODELS}?case=${index}`)
        await settled(client)
        expect(wrongWith(one, true, client) ?? '', one.name).toBe('')
        client.reset()
        expect((await (await ask(MODELS)).message()).body, `after ${one.name}`).toBe('mine')
      }
    })

    test.skipIf(!cases)(name('by an upstream that then says nothing, and nobody waits for it'), async () => {
      const { kit } = await staged(cases ?? [], false)
      const bearer = await kit.bearer()
      const ask = (query: string) => rawRequest(kit.url, requestBytes(MODELS + query, bearer))
      const clients = await Promise.all((cases ?? []).map((_, index) => ask(`?case=${index}`)))
      const due = clients.filter((_, index) => strictly(cases?.[index]?.bytes ?? '', false)?.whole)
      await Promise.race([Promise.all(due.map(settled)), Bun.sleep(10_000)])
      // For what should never come.
      await Bun.sleep(200)
      for (const [index, client] of clients.entries()) {
        const one = cases?.[index] ?? { name: '', bytes: '' }
        expect(wrongWith(one, false, client) ?? '', one.name).toBe('')
        client.reset()
      }
      expect((await (await ask('')).message()).body).toBe('mine')
    })
  }
})

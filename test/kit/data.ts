import { test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** A file of the test data that others made, parsed; `undefined` where `SEALGATE_TEST_DATA` names no folder with it. */
export function testData<T>(path: string): T | undefined {
  const { SEALGATE_TEST_DATA: folder } = process.env
  const file = `${folder}/${path}`
  return folder && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

/** One whole EHBP exchange, recorded with throw-away keys. */
export interface RecordedExchange {
  server_private_key_hex: string
  server_public_key_hex: string
  key_config_hex: string
  request: { encapsulated_key_hex: string; plaintext: string; body_hex: string }
  exported_secret_hex: string
  response: { content_type: string; nonce_hex: string; plaintext_parts: string[]; frames_hex: string[] }
}

/** Declares a test that needs a file of the corpora; skipped by name without it. */
export function withCorpus<T>(path: string, name: string, story: (corpus: T) => Promise<void>): void {
  const corpus = testData<T>(`corpora/${path}`)
  test.skipIf(!corpus)(corpus ? name : `${name} [no test data]`, () => corpus && story(corpus))
}

/** Declares a test that needs every line of a folder's texts; skipped by name without them. */
export function withLines(
  folder: string,
  name: string,
  story: (lines: readonly string[]) => void | Promise<void>,
): void {
  const path = `${process.env['SEALGATE_TEST_DATA']}/corpora/${folder}`
  const files = existsSync(path) ? readdirSync(path).filter(file => file.endsWith('.txt')) : []
  const lines = files.flatMap(file => readFileSync(`${path}/${file}`, 'utf8').split('\n'))
  test.skipIf(lines.length === 0)(lines.length > 0 ? name : `${name} [no test data]`, () => story(lines))
}

/** Declares a test that needs the recorded exchange; skipped by name without it. */
export function withRecordedExchange(name: string, story: (exchange: RecordedExchange) => Promise<void>): void {
  const exchange = testData<RecordedExchange>('fixtures/ehbp-exchange.json')
  test.skipIf(!exchange)(exchange ? name : `${name} [no test data]`, () => exchange && story(exchange))
}

/** An event stream that others made: its name, and its bytes. */
export interface RecordedStream {
  readonly name: string
  readonly bytes: Buffer
}

interface StreamFile {
  cases: ({ name: string } & ({ stream_b64: string } | { chunks_b64: string[] }))[]
}

/** Declares a test that needs the event streams; skipped by name without them. */
export function withEventStreams(
  name: string,
  story: (streams: readonly RecordedStream[]) => Promise<void>,
  withinMs: number,
): void {
  const files = ['openai-node-streaming', 'wpt-eventsource-format'].map(file =>
    testData<StreamFile>(`corpora/sse/${file}.json`),
  )
  const streams = files.flatMap(file =>
    (file?.cases ?? []).map(({ name, ...given }) => {
      const parts = 'stream_b64' in given ? [given.stream_b64] : given.chunks_b64
      return { name, bytes: Buffer.concat(parts.map(part => Buffer.from(part, 'base64'))) }
    }),
  )
  const missing = files.includes(undefined)
  test.skipIf(missing)(missing ? `${name} [no test data]` : name, () => story(streams), withinMs)
}

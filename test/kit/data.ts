import { test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'

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

/** Declares a test that needs the recorded exchange; skipped by name without it. */
export function withRecordedExchange(name: string, story: (exchange: RecordedExchange) => Promise<void>): void {
  const exchange = testData<RecordedExchange>('fixtures/ehbp-exchange.json')
  test.skipIf(!exchange)(exchange ? name : `${name} [no test data]`, () => exchange && story(exchange))
}

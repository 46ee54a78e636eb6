import { test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { testData } from './data.ts'

/** A guest agent's answer to `GetQuote`, as a real machine gave it. */
export interface RecordedQuote {
  quote: string
  event_log: string
  report_data: string
  vm_config: string
}

/** Declares a test that needs a quote that others made; skipped by name without it. */
export function withTdx(name: string, title: string, story: (quote: Uint8Array) => void): void {
  const path = `${process.env['SEALGATE_TEST_DATA']}/fixtures/tdx/${name}`
  const isThere = existsSync(path)
  test.skipIf(!isThere)(isThere ? title : `${title} [no test data]`, () => story(new Uint8Array(readFileSync(path))))
}

/** Declares a test that needs a real machine's answer to `GetQuote`; skipped by name without it. */
export function withRecordedQuote(title: string, story: (recorded: RecordedQuote) => void | Promise<void>): void {
  const recorded = testData<RecordedQuote>('fixtures/tdx/quote-report.json')
  test.skipIf(!recorded)(recorded ? title : `${title} [no test data]`, () => recorded && story(recorded))
}

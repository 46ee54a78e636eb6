import type { Entry } from './enclave-with-books.ts'

const LEAST_BYTES = 1000

/** The body of a request, of a length that no other has: by that its row is known. */
export function bodyOf(number: number): string {
  return JSON.stringify({ number, user_cache_secret: '' }).padEnd(LEAST_BYTES + number)
}

/** Whose row it is. */
export function numberOf(row: Row): number {
  return row.bytes_up - LEAST_BYTES
}

/** A row of the ledger. */
export interface Row {
  readonly bytes_up: number
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly cached_tokens: number
  readonly cost: string | null
  readonly status: number
  readonly ending: string
  readonly estimated: number
}

/** Whether a row says what the enclave's books say, as far as its caller waited for it. */
export function agrees(row: Row, entry: Entry): boolean {
  const tokens = row.prompt_tokens + row.completion_tokens + row.cached_tokens
  switch (entry.kind) {
    case 'json':
    case 'large':
    case 'stream':
      // One that was cut by the kill is not in the ledger at all, and so all that are were stated.
      return (
        row.status === 200 &&
        row.ending === 'complete' &&
        row.estimated === 0 &&
        row.prompt_tokens === entry.prompt &&
        row.completion_tokens === entry.completion &&
        row.cached_tokens === entry.cached &&
        Number(row.cost) === Number(entry.cost)
      )
    case 'cut':
      return (
        row.ending === 'cancelled' &&
        row.estimated === 1 &&
        row.completion_tokens > 0 &&
        row.completion_tokens <= entry.completion
      )
    case 'broken':
      return row.ending === 'failed' && tokens === 0 && row.cost === null
    case 'busy':
    case 'unreadable':
      return row.status === (entry.kind === 'busy' ? 429 : 422) && tokens === 0 && row.cost === null
  }
}

import type { Entry } from '../../src/gate/batch.ts'
import type { Ending, Route } from '../../src/protocol/exchange.ts'
import { runOn } from './database.ts'

/** An entry as one small chat makes it, with these tokens; `more` replaces what it names. */
export function entry({ prompt = 3, completion = 4, ...more }: EntryOptions = {}): Entry {
  const { owner = 'j_ada', at = 1_767_225_600_000, model, cost, cached = 0, estimated = false, status = 200 } = more
  const { route = '/v1/chat/completions', ending = 'complete' } = more
  return {
    ...{
      owner,
      at,
      status,
      backend: 'tinfoil',
      route: route as Route,
      ending,
      chatId: undefined,
    },
    ...{ bytesUp: 10, bytesDown: 20 },
    usage: { model, prompt, completion, cached, cost, estimated },
  }
}

interface EntryOptions {
  owner?: string
  at?: number
  model?: string | undefined
  prompt?: number
  completion?: number
  cached?: number
  cost?: string | undefined
  estimated?: boolean
  status?: number
  route?: string
  ending?: Ending
}

/** Sums over a table of a database, as a second connection sees them; those by day have fewer. */
export async function booked(url: string, table: 'ledger' | 'usage_hours' | 'usage_days'): Promise<number[]> {
  const requests = table === 'ledger' ? 'count(*)' : 'coalesce(sum(requests), 0)'
  const cost = table === 'ledger' ? "CAST(REPLACE(cost, '.', '') AS BIGINT)" : 'cost_pico'
  const ofDays = table === 'usage_days' ? [] : ['cached_tokens', 'estimated']
  const sums = ['prompt_tokens', 'completion_tokens', ...ofDays, cost]
    .map((column, at) => `coalesce(sum(${column}), 0) AS sum${at}`)
    .join(', ')
  const [row = {}] = await runOn<number>(url, `SELECT ${requests} AS requests, ${sums} FROM ${table}`)
  return Object.values(row)
}

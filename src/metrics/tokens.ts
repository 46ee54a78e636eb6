import type { Registry } from 'prom-client'
import type { Meters } from '../protocol/meters.ts'
import type { Facts } from './facts.ts'
import { histogram } from './histogram.ts'
import { listedModels } from './models.ts'

// Those of OpenTelemetry's gen_ai.client.token.usage.
const TOKENS = Array.from({ length: 14 }, (_, power) => 4 ** power)

/** What OpenTelemetry calls what a route is for; other routes go by their own path. */
const OPERATIONS: Readonly<Record<string, string>> = {
  '/v1/chat/completions': 'chat',
  '/v1/responses': 'chat',
  '/v1/completions': 'text_completion',
  '/v1/embeddings': 'embeddings',
}

/** What is counted of the tokens that are booked. */
export function tokenMeters(registers: Registry[], { now }: Pick<Facts, 'now'>): Pick<Meters, 'used' | 'modelsFrom'> {
  const usage = histogram({
    registers,
    name: 'gen_ai_client_token_usage',
    help: 'Tokens of each answer as they are booked; without a model where they are an estimate.',
    labelNames: ['gen_ai_operation_name', 'gen_ai_provider_name', 'gen_ai_response_model', 'gen_ai_token_type'],
    buckets: TOKENS,
  })
  let list: () => Promise<readonly string[]> = async () => []
  const listed = listedModels({ list: () => list(), now })
  return {
    modelsFrom: source => {
      list = source
    },
    used: ({ backend = '', route = '' }, { prompt, completion, model }) => {
      if (prompt + completion === 0) return
      const count = (name: string) => {
        const operation = OPERATIONS[route] ?? route
        usage([operation, backend, name, 'input'], prompt)
        usage([operation, backend, name, 'output'], completion)
      }
      const name = model === undefined ? '' : listed(model)
      if (typeof name === 'string') count(name)
      else void name.then(count)
    },
  }
}

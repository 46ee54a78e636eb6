import { isModelId } from '../protocol/usage.ts'
import { cachedOf } from './model.ts'

// Dollars for a million tokens, as of no model in particular.
const PROMPT_PRICE = 0.15
const COMPLETION_PRICE = 0.6

/** What an answer of the stand-in would cost if a model had given it. */
export interface Bill {
  readonly model: string
  readonly prompt: number
  readonly completion: number
  readonly cached: number
  /** US dollars with twelve decimals. */
  readonly cost: string
}

/** The same for the same tokens, always. */
export function bill(model: string, prompt: number, completion: number): Bill {
  const dollars = (prompt * PROMPT_PRICE + completion * COMPLETION_PRICE) / 1e6
  return { model, prompt, completion, cached: cachedOf(prompt), cost: dollars.toFixed(12) }
}

/** A bill as an enclave states it in `X-Tinfoil-Usage-Metrics`. */
export function metricsOf({ model, prompt, completion, cached, cost }: Bill): string {
  const tokens = `prompt=${prompt},completion=${completion},total=${prompt + completion}`
  const cache = `cached_prompt_tokens=${cached},uncached_prompt_tokens=${prompt - cached}`
  // A chat may name its model anything, a header may not hold anything.
  return [tokens, cache, ...(isModelId(model) ? [`model=${model}`] : []), `cost_usd=${cost}`].join(',')
}

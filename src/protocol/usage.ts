import { isPlainId } from './ids.ts'

/** What an answer cost, as whoever answered stated it. */
export interface Usage {
  /** The model that answered. */
  readonly model: string | undefined
  readonly prompt: number
  readonly completion: number
  /** Of the prompt's tokens, those that came from the prompt cache. */
  readonly cached: number
  /** US dollars, a decimal number with twelve decimals; absent where nothing was stated. */
  readonly cost: string | undefined
  /** Whether the tokens are our estimate, for want of a statement. */
  readonly estimated: boolean
}

/** Request header with which an enclave is asked to state what its answer cost. */
export const ASK_METRICS_HEADER = 'x-tinfoil-request-usage-metrics'

/** Header of an answer in one piece, or trailer of a stream, that states what it cost, outside of any seal. */
export const METRICS_HEADER = 'x-tinfoil-usage-metrics'

const MOST_TOKENS = 1e12
// Of one answer. Sums of more would pass 64 bits within a batch, which could then never be written.
const MOST_DOLLARS = 1000n
const DECIMALS = 12

// Most texts are shorter than the 128 KiB that this allows; a longer body is mostly an inlined image, megabytes that
// cost a model some thousand tokens.
const MOST_GUESSED_TOKENS = 32_768

interface Stated {
  model?: unknown
  prompt: number | undefined
  completion: number | undefined
  total: number | undefined
  cached: number | undefined
  cost?: string | undefined
}

/**
 * The value of {@link METRICS_HEADER}, `prompt=N,completion=N,total=N[,cached_prompt_tokens=N][,model=NAME]
 * [,cost_usd=DECIMAL]` in any order; `undefined` where it states no number of tokens. Of a key that is there twice the
 * first counts: a model's name, which stands last, cannot take back what stands before it.
 */
export function readMetrics(text: string): Usage | undefined {
  const tokens = (pair: RegExp) => {
    const value = valueIn(pair, text) ?? ''
    return /^\d{1,16}$/.test(value) ? sane(Number(value)) : undefined
  }
  return usageOf({
    model: valueIn(PAIRS.model, text),
    prompt: tokens(PAIRS.prompt),
    completion: tokens(PAIRS.completion),
    total: tokens(PAIRS.total),
    cached: tokens(PAIRS.cached),
    cost: costOf(valueIn(PAIRS.cost, text) ?? ''),
  })
}

const pairOf = (key: string) => new RegExp(`(?:^|,)\\s*${key}\\s*=([^,]*)`)
// Looked for by name: to take all pairs apart takes twice as long.
const PAIRS = {
  model: pairOf('model'),
  prompt: pairOf('prompt'),
  completion: pairOf('completion'),
  total: pairOf('total'),
  cached: pairOf('cached_prompt_tokens'),
  cost: pairOf('cost_usd'),
}

const valueIn = (pair: RegExp, text: string): string | undefined => pair.exec(text)?.[1]?.trim()

/**
 * The usage in OpenAI's JSON: an answer of chat, completions, embeddings or responses, a chunk of a stream, or the event
 * that ends a response's; `undefined` where it states no number of tokens.
 */
export function readUsage(json: unknown): Usage | undefined {
  const root = record(json)
  const { usage, model } = isRecord(root['usage']) ? root : record(root['response'])
  const counts = record(usage)
  const details = record(counts['prompt_tokens_details'] ?? counts['input_tokens_details'])
  return usageOf({
    model,
    prompt: sane(counts['prompt_tokens'] ?? counts['input_tokens']),
    completion: sane(counts['completion_tokens'] ?? counts['output_tokens']),
    total: sane(counts['total_tokens']),
    cached: sane(details['cached_tokens']),
  })
}

/** The id of an answer in OpenAI's JSON, or of the response that an event tells of. */
export function answerIdOf(json: unknown): string | undefined {
  const root = record(json)
  const id = root['id'] ?? record(root['response'])['id']
  return typeof id === 'string' && isPlainId(id) ? id : undefined
}

/** What an answer of unstated cost may have cost: a token for four bytes of the request and for each event. */
export function estimate({ bytesUp, events }: { bytesUp: number; events: number }): Usage {
  const prompt = Math.min(Math.ceil(bytesUp / 4), MOST_GUESSED_TOKENS)
  return { model: undefined, prompt, completion: events, cached: 0, cost: undefined, estimated: true }
}

/** Whether it looks like a model's id: one to 128 letters, digits and `_./:@+-`. */
export function isModelId(model: unknown): model is string {
  return typeof model === 'string' && /^[\w./:@+-]{1,128}$/.test(model)
}

// A total alone counts as the prompt: that is what an embedding's is.
function usageOf({ model, prompt, completion, total, cached = 0, cost }: Stated): Usage | undefined {
  const asked = prompt ?? (completion === undefined ? total : 0)
  if (asked === undefined) return undefined
  return {
    model: isModelId(model) ? model : undefined,
    prompt: asked,
    completion: completion ?? 0,
    cached: Math.min(cached, asked),
    cost,
    estimated: false,
  }
}

/** A decimal number with twelve decimals, the last rounded half up; `undefined` for what is none or beyond belief. */
function costOf(text: string): string | undefined {
  const [, whole, fraction = ''] = /^(\d{1,64})(?:\.(\d{1,64}))?$/.exec(text) ?? []
  if (whole === undefined) return undefined
  // As nearly all are: nothing to round, and far from the bound; in BigInt it takes ten times as long.
  if (whole.length <= 2 && fraction.length <= DECIMALS) return `${Number(whole)}.${fraction.padEnd(DECIMALS, '0')}`
  const unit = 10n ** BigInt(DECIMALS)
  const up = (fraction[DECIMALS] ?? '0') >= '5' ? 1n : 0n
  const amount = BigInt(whole) * unit + BigInt(fraction.slice(0, DECIMALS).padEnd(DECIMALS, '0')) + up
  if (amount > MOST_DOLLARS * unit) return undefined
  return `${amount / unit}.${String(amount % unit).padStart(DECIMALS, '0')}`
}

function sane(value: unknown): number | undefined {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MOST_TOKENS ? Number(value) : undefined
}

function record(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {}
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

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

const BYTES_A_TOKEN = 4
// The longest context of a model: what is longer is no text.
const MOST_PROMPT = 131_072

/** What an answer cost where nothing was stated: an event of a stream is about a token. */
export function estimate({ bytesUp, events }: { bytesUp: number; events: number }): Usage {
  const prompt = Math.min(MOST_PROMPT, Math.ceil(bytesUp / BYTES_A_TOKEN))
  return { model: undefined, prompt, completion: events, cached: 0, cost: undefined, estimated: true }
}

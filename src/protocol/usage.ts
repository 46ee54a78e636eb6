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

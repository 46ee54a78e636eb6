/** An answer that is an error: its words, and when to try again if it says so. */
export class Refusal extends Error {
  readonly retryMs: number | undefined

  constructor(message: string, retryMs: number | undefined) {
    super(message)
    this.retryMs = retryMs
  }
}

/** A fault that is explained already. */
export class Unreachable extends Error {}

/** What an answer that is an error says. */
export async function refusal(answer: Response): Promise<Refusal> {
  const json: { error?: { message?: unknown; code?: unknown } } | null = await answer.json().catch(() => null)
  const { message, code } = json?.error ?? {}
  const words = typeof message === 'string' ? message : 'The gateway gave no reason.'
  const name = typeof code === 'string' ? ` ${code}` : ''
  const ms = Number(answer.headers.get('retry-after-ms') ?? Number(answer.headers.get('retry-after')) * 1000)
  return new Refusal(`${words} (${answer.status}${name})`, ms > 0 ? ms : undefined)
}

/**
 * Why there was no answer at all. A request that no page may read the answer of tells: it fails only where nobody listens.
 */
export async function explained(gateway: string): Promise<Unreachable> {
  const { origin } = location
  const answers = await fetch(`${gateway}/health`, { mode: 'no-cors', cache: 'no-store' }).then(
    () => true,
    () => false,
  )
  return new Unreachable(
    answers
      ? `${gateway} answers, but does not let pages of ${origin} call it. Its operator has to add ${origin} to CORS_ALLOWED_ORIGINS.`
      : `Nothing answers at ${gateway}. Is the gateway running, and is the address right?`,
  )
}

import type { Gateway } from '../claim.ts'

/** An answer, as its caller has it; times in milliseconds since the epoch. */
export interface Answer {
  readonly caller: string
  readonly gateway: number
  readonly sentAt: number
  /** When its headers came. */
  readonly at: number
  readonly status: number
  /** A problem's, empty for anything else. */
  readonly code: string
  readonly retryAfter: string | null
}

/** An answer, and what it says. */
export interface Said {
  readonly status: number
  readonly receipt: string | undefined
  readonly text: string
}

/** What callers know of their gateways. */
export interface Seen {
  readonly answers: Answer[]
  /** What no caller should see: connections that broke, answers that nobody documents. */
  readonly strange: string[]
}

interface Request {
  readonly caller: string
  readonly authorization?: string
  /** `POST /v1/chat/completions`. */
  readonly line: string
  readonly headers?: Record<string, string>
  readonly body?: string
  /** Which gateway; any unless told. */
  readonly at?: number
}

/** Asks gateways, and keeps what they say. */
export function asking(gateways: readonly Gateway[]) {
  const seen: Seen = { answers: [], strange: [] }

  /** `undefined` where the connection broke. */
  async function ask(request: Request): Promise<Said | undefined> {
    const { caller, line, authorization, body, at = Math.floor(Math.random() * gateways.length) } = request
    const [method = '', path = ''] = line.split(' ')
    const headers = { ...request.headers, ...(authorization && { authorization }) }
    const sentAt = Date.now()
    try {
      const response = await fetch(`${gateways[at]?.url}${path}`, { method, headers, ...(body && { body }) })
      const arrived = Date.now()
      const text = await response.text()
      const code = response.status < 400 ? '' : (JSON.parse(text).error?.code ?? '')
      const retryAfter = response.headers.get('retry-after')
      const answer = { caller, gateway: at, sentAt, at: arrived, status: response.status, code, retryAfter }
      seen.answers.push(answer)
      if (!isDocumented(answer)) seen.strange.push(`${line}: ${response.status} ${text}`)
      return { status: response.status, receipt: response.headers.get('x-receipt-id') ?? undefined, text }
    } catch (error) {
      seen.strange.push(`${line}: ${error}`)
      return undefined
    }
  }
  return { seen, ask }
}

export type Ask = ReturnType<typeof asking>['ask']

/** What may come while a database is away, and from callers who ask for more than they may. */
function isDocumented({ status, code, retryAfter }: Answer): boolean {
  if (status === 503) return code === 'database_unavailable' && Number(retryAfter) > 0
  if (status === 429) return code === 'rate_limited' || code === 'concurrent_limit_exceeded'
  return status < 400
}

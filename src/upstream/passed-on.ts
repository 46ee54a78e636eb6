import type { BackendName, Exchange } from '../protocol/exchange.ts'
import { downHeaders } from '../protocol/headers.ts'

/** An errand's answer as the client gets it, which asked for what it was part of: status and body as they came, headers by the list. */
export async function passedOn(answer: Response, exchange: Exchange, backend: BackendName): Promise<Response> {
  const { status } = answer
  const headers = downHeaders(Object.fromEntries(answer.headers))
  headers['x-sealgate-body'] = 'plaintext'
  headers['x-sealgate-backend'] = backend
  // 401, 402 and 403 speak of our key, not of the caller's token.
  const ours = status === 401 || status === 402 || status === 403
  if (ours) {
    exchange.code = 'upstream_credentials'
    headers['x-should-retry'] = 'false'
  }
  const body = answer.body && (await answer.bytes())
  exchange.bytesDown = body?.length ?? 0
  return new Response(body, { status: ours ? 502 : status, headers })
}

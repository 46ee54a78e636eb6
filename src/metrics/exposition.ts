import type { Metrics } from './metrics.ts'

/** Answers `GET /metrics` with the text of what is counted, and nothing else. */
export function exposition({ text, type }: Pick<Metrics, 'text' | 'type'>): (request: Request) => Promise<Response> {
  const headers = { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
  return async ({ method, url }) => {
    if (!/^\w+:\/\/[^/]*\/metrics(\?|$)/.test(url)) return said(404, 'Metrics are at /metrics.')
    if (method !== 'GET' && method !== 'HEAD') return said(405, 'Metrics take GET.', { allow: 'GET, HEAD' })
    return new Response(await text(), { headers })
  }
}

function said(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(`${text}\n`, { status, headers })
}

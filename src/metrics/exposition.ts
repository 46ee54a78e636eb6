import type { Metrics } from './metrics.ts'

interface Deps extends Pick<Metrics, 'text' | 'type'> {
  /** Where it is served: a name or an address. */
  readonly host: string
}

const LOOPBACK = /^(?:localhost|127\.[\d.]+|\[?::1\]?)$/i

/** Answers `GET /metrics` with the text of what is counted, and nothing else; on loopback, only by a name of loopback. */
export function exposition({ text, type, host }: Deps): (request: Request) => Promise<Response> {
  const isLocal = LOOPBACK.test(host)
  const headers = { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
  return async ({ method, url }) => {
    if (!/^\w+:\/\/[^/]*\/metrics(\?|$)/.test(url)) return said(404, 'Metrics are at /metrics.')
    if (method !== 'GET' && method !== 'HEAD') return said(405, 'Metrics take GET.', { allow: 'GET, HEAD' })
    // A page's own host name may suddenly mean this machine, and its browser lets it in (DNS rebinding).
    if (isLocal && !LOOPBACK.test(URL.parse(url)?.hostname ?? ''))
      return said(421, 'Metrics are for this machine: ask by 127.0.0.1 or localhost, or set METRICS_ADDR.')
    return new Response(await text(), { headers })
  }
}

function said(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(`${text}\n`, { status, headers })
}

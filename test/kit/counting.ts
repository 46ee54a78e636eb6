/** A request as an upstream saw it. */
interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: Headers
}

/** An upstream that answers every request alike and keeps what it was asked. */
export interface Counting {
  readonly url: string
  readonly requests: Seen[]
  stop(): Promise<void>
}

/** Starts an upstream on loopback; it answers 200 `{}` unless told otherwise. */
export function countingUpstream(answer: () => Response | Promise<Response> = () => Response.json({})): Counting {
  const requests: Seen[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    reusePort: false,
    development: false,
    fetch: ({ method, url, headers }) => {
      // A copy: Bun's own headers are empty once the request has been answered.
      requests.push({ method, url, headers: new Headers(headers) })
      return answer()
    },
  })
  return { url: server.url.origin, requests, stop: () => server.stop(true) }
}

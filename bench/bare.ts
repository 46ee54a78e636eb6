// The least that a relay by Bun.serve and node:http can cost: no care taken of anything. Only bench/path-cost.ts uses it.
import http from 'node:http'

const [port, upstream = ''] = Bun.argv.slice(2)
const { hostname, port: upstreamPort } = new URL(upstream)
const agent = new http.Agent({ keepAlive: true })

async function* chunksOf(answer: http.IncomingMessage): AsyncGenerator<Uint8Array> {
  for await (const chunk of answer) yield chunk
}

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(port),
  reusePort: false,
  development: false,
  fetch: async request => {
    const body = await request.bytes()
    const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const options = {
        host: hostname,
        port: upstreamPort,
        method: request.method,
        path: '/v1/chat/completions',
        agent,
      }
      http.request(options, resolve).on('error', reject).end(body)
    })
    return new Response(chunksOf(answer))
  },
})

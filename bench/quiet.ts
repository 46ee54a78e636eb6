// An upstream that answers every request with a stream: one event at once, then silence until the client leaves.
const [port] = Bun.argv.slice(2)
const event = new TextEncoder().encode('data: {"choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n')

Bun.serve({
  hostname: '127.0.0.1',
  port: Number(port),
  reusePort: false,
  development: false,
  idleTimeout: 0,
  fetch: () =>
    new Response(new ReadableStream({ start: controller => controller.enqueue(event) }), {
      headers: { 'content-type': 'text/event-stream' },
    }),
})

// An upstream whose streams tell the time: each event holds the moment it was sent. `GET /gone` gives, by request id, when
// streams that were left ended here.
import http from 'node:http'

const [port, states, events, pace, form] = Bun.argv.slice(2)
const METRICS = 'x-tinfoil-usage-metrics'
const isSealed = form !== 'open'
const gone: Record<string, number> = {}

const now = () => Math.round((performance.timeOrigin + performance.now()) * 1000)

const server = http.createServer(async (request, response) => {
  request.resume()
  if (request.method === 'GET') return void response.end(JSON.stringify(gone))
  const announced: Record<string, string> = states === 'stating' ? { trailer: METRICS } : {}
  const sealed: Record<string, string> = isSealed ? { 'ehbp-response-nonce': '0'.repeat(64) } : {}
  response.writeHead(200, { 'content-type': 'text/event-stream', ...sealed, ...announced })
  const id = String(request.headers['x-request-id'] ?? '')
  response.on('close', () => {
    if (id && !response.writableFinished) gone[id] = now()
  })
  for (let sent = 0; sent < Number(events) && !response.destroyed; sent++) {
    response.write(isSealed ? frame() : event())
    await Bun.sleep(Number(pace))
  }
  if (states === 'stating') response.addTrailers({ [METRICS]: 'prompt=10,completion=32,total=42,model=bench' })
  response.end()
})
server.listen(Number(port), '127.0.0.1')

/** A frame of 250 bytes, as long as a sealed event mostly is; it begins with the time, in microseconds since the epoch. */
function frame(): Buffer {
  const bytes = Buffer.alloc(250, '.')
  bytes.writeUInt32BE(246, 0)
  bytes.write(`t=${now()};`, 4)
  return bytes
}

/** An event of 250 bytes, as an open stream has them. */
function event(): string {
  const [head, tail] = [`data: {"choices":[{"index":0,"delta":{"content":"t=${now()};`, '"}}]}\n\n']
  return head.padEnd(250 - tail.length, '.') + tail
}

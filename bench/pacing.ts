// An upstream whose streams tell the time: each event is a frame that holds the moment it was sent. Only bench/metered.ts and bench/events.ts use it.
import http from 'node:http'

const [port, states, events] = Bun.argv.slice(2)
const PACE_MS = 10
const METRICS = 'x-tinfoil-usage-metrics'

const server = http.createServer(async (request, response) => {
  request.resume()
  const announced: Record<string, string> = states === 'stating' ? { trailer: METRICS } : {}
  const headers = { 'content-type': 'text/event-stream', 'ehbp-response-nonce': '0'.repeat(64), ...announced }
  response.writeHead(200, headers)
  for (let sent = 0; sent < Number(events) && !response.destroyed; sent++) {
    response.write(frame())
    await Bun.sleep(PACE_MS)
  }
  if (states === 'stating') response.addTrailers({ [METRICS]: 'prompt=10,completion=32,total=42,model=bench' })
  response.end()
})
server.listen(Number(port), '127.0.0.1')

/** A frame of 250 bytes, as long as a sealed event mostly is; it begins with the time, in microseconds since the epoch. */
function frame(): Buffer {
  const bytes = Buffer.alloc(250, '.')
  bytes.writeUInt32BE(246, 0)
  bytes.write(`t=${Math.round((performance.timeOrigin + performance.now()) * 1000)};`, 4)
  return bytes
}

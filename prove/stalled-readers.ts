import { claim, type Figure, type Gateway, type Ground } from './kit/claim.ts'
import { ask, upstream, type Wire } from './kit/wire.ts'

const STALLED = 20
const PAIRS = 7
const REQUESTS = 300
// A fifth of a stream event's usual pace: nobody would notice that.
const LIMIT_P50_MS = 1
const LIMIT_P99_MS = 10
const SMALL = '{"object":"list","data":[]}'
const LARGE = 500 * 1000 * 1000

await claim(
  {
    name: 'stalled-readers',
    says: `${STALLED} callers who do not read their 500 MB answers do not slow the next one`,
    withinSeconds: 90,
  },
  prove,
)

/** The median over pairs of rounds, with and without the stalled readers, in turn. */
async function prove(ground: Ground): Promise<Figure[]> {
  const behind = ground.also(await upstream(serve))
  const gateway = await ground.gateway(behind.url)
  const headers = await ground.bearer()
  await round(gateway, headers)
  const pairs = []
  for (let pair = 0; pair < PAIRS; pair++) {
    const without = await round(gateway, headers)
    const readers = await Promise.all(Array.from({ length: STALLED }, () => stalled(gateway, headers)))
    await Bun.sleep(500)
    const beside = await round(gateway, headers)
    for (const reader of readers) reader.leave()
    await Promise.all(readers.map(({ closed }) => closed))
    await Bun.sleep(200)
    pairs.push({ without, beside })
  }
  return [
    added(
      'p50',
      LIMIT_P50_MS,
      pairs.map(({ without, beside }) => [without.p50, beside.p50]),
    ),
    added(
      'p99',
      LIMIT_P99_MS,
      pairs.map(({ without, beside }) => [without.p99, beside.p99]),
    ),
  ]
}

function added(what: string, limit: number, pairs: [number, number][]): Figure {
  const alone = median(pairs.map(([without]) => without))
  const beside = median(pairs.map(([, beside]) => beside))
  const more = median(pairs.map(([without, beside]) => beside - without))
  const figures = `${beside.toFixed(2)} ms beside them, ${alone.toFixed(2)} ms without`
  return {
    what: `${what} of the next caller:`,
    is: `${figures}, ${more.toFixed(2)} ms more in the median of ${PAIRS} pairs (limit ${limit} ms)`,
    holds: more < limit,
  }
}

/** Latencies of one caller who asks for a small answer, again and again. */
async function round({ url }: Gateway, headers: Record<string, string>): Promise<{ p50: number; p99: number }> {
  const times: number[] = []
  for (let asked = 0; asked < REQUESTS; asked++) {
    const began = performance.now()
    const answer = await fetch(`${url}/v1/models`, { headers })
    if ((await answer.text()) !== SMALL) throw new Error('another answer than the upstream gave')
    times.push(performance.now() - began)
  }
  times.sort((a, b) => a - b)
  return { p50: times[Math.floor(REQUESTS * 0.5)] ?? 0, p99: times[Math.floor(REQUESTS * 0.99)] ?? 0 }
}

async function stalled({ url }: Gateway, headers: Record<string, string>): Promise<Wire> {
  const reader = await ask(url, 'POST /v1/chat/completions', { ...headers, 'content-length': '2' }, '{}')
  await reader.head()
  reader.pause()
  return reader
}

async function serve(wire: Wire): Promise<void> {
  for (;;) {
    if ((await wire.head()).startsWith('GET')) {
      await wire.send(
        `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${SMALL.length}\r\n\r\n${SMALL}`,
      )
      continue
    }
    const piece = Buffer.alloc(100_000, 'sealed ')
    await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE}\r\n\r\n`)
    for (let sent = 0; sent < LARGE && !wire.gone; sent += piece.length) await wire.send(piece)
  }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

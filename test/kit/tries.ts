import { transport } from '../../src/upstream/transport.ts'
import { outcome } from './problem.ts'

// A process of its own, for the certificates that only an environment given at the start can make known: sends these
// requests through one transport, one after the other, and prints what came of each.
const asked: [method: string, url: string][] = JSON.parse(process.argv[2] ?? '[]')
const send = transport({ connectMs: 3000, bodyMs: 3000, headerMs: 3000 })
const { signal } = new AbortController()
const usual = { path: '/', headers: {}, body: null, signal, reached: () => undefined }
const outcomes: string[] = []
for (const [method, url] of asked) {
  outcomes.push(
    await outcome(async () => {
      for await (const _ of await send({ ...usual, origin: new URL(url), method }));
    }),
  )
  await Bun.sleep(outcomes.length % 5)
}
console.log(JSON.stringify(outcomes))
process.exit(0)

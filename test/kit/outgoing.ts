import { Problem } from '../../src/protocol/problem.ts'
import { calls } from '../../src/upstream/call.ts'
import { transport } from '../../src/upstream/transport.ts'

const { call } = calls()

// A process of its own, for what only an environment given at the start can show: asks a URL both ways that the gateway
// has, and prints what came of each.
const url = process.argv[2] ?? ''
const origin = new URL(url)
const reached = () => undefined
const patience = { connectMs: 3000, bodyMs: 3000, headerMs: 3000 }
const { signal } = new AbortController()
const outcomes = [
  await transport(patience)({ origin, method: 'GET', path: '/', headers: {}, body: null, reached, signal }).then(
    answer => answer.statusCode,
    codeOf,
  ),
  await call({ url, accept: '*/*', withinMs: 3000, maxBytes: 100 }).then(() => 200, codeOf),
]
console.log(JSON.stringify(outcomes))
process.exit(0)

function codeOf(error: unknown): string {
  return error instanceof Problem ? error.code : String(error)
}

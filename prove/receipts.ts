import { join } from 'node:path'
import { checkReceipt } from '../src/verify/receipt.ts'
import { startGateway } from '../test/kit/gateway.ts'
import { claim, type Figure, type Ground } from './kit/claim.ts'
import { enclaveWithBooks, KINDS } from './kit/enclave-with-books.ts'

const REQUESTS = 10_000
const AT_ONCE = 32
const LEFT_AFTER_BYTES = 100

/** How a request goes: as the enclave has it, left by its client (`cut`), or refused before it gets there. */
const WAYS = [...KINDS, 'refused'] as const
type Way = (typeof WAYS)[number]

/** Of these a client may have less than was handed on to it. */
const CUT: ReadonlySet<Way> = new Set<Way>(['cut', 'broken'])

type Held = Parameters<typeof checkReceipt>[0]

await claim(
  {
    name: 'receipts',
    says: `${REQUESTS} requests, whole, left, broken and refused: each has one receipt, which holds against what its client sent and got`,
    withinSeconds: 240,
  },
  prove,
)

async function prove(ground: Ground): Promise<Figure[]> {
  const enclave = ground.also(await enclaveWithBooks())
  const path = join(ground.directory, 'receipts.db')
  const kit = ground.also(await startGateway({ upstream: enclave.url, path }))
  const { authorization } = await kit.bearer()
  const verdicts = new Map<Way, Map<string, number>>(WAYS.map(way => [way, new Map()]))
  const ids = new Set<string>()
  let edited = 0
  let next = 0
  const began = performance.now()

  async function work(): Promise<void> {
    while (next < REQUESTS) {
      const number = next++
      const way = WAYS[number % WAYS.length] ?? 'json'
      const { id, ...bodies } = await asked(kit.url, authorization, { number, way })
      ids.add(id)
      const held = { ...bodies, receipt: await fetched(kit.url, authorization, id), report: kit.report }
      const verdict = verdictOf(held)
      const counts = verdicts.get(way)
      counts?.set(verdict, (counts.get(verdict) ?? 0) + 1)
      if (verdictOf({ ...held, receipt: flipped(held.receipt, number) }).startsWith('fail')) edited++
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  const seconds = Math.round((performance.now() - began) / 1000)
  return [
    { what: 'in all:', is: `${ids.size} receipts in ${seconds} s`, holds: ids.size === REQUESTS },
    ...[...verdicts].map(([way, counts]) => figure(way, counts)),
    { what: 'with one byte edited:', is: `${edited} fail`, holds: edited === REQUESTS },
  ]
}

/** Sends a request; gives its receipt's id, and both bodies as this end has them. */
async function asked(url: string, authorization: string, { number, way }: { number: number; way: Way }) {
  const whole = JSON.stringify({ number, user_cache_secret: '' }).padEnd(200 + number)
  const body = Buffer.from(way === 'refused' ? `{"a":1,"a":${number}}` : whole)
  const leaving = new AbortController()
  const headers = { authorization, 'x-tinfoil-model': way }
  const init = { method: 'POST', headers, body, signal: leaving.signal }
  const answer = await fetch(`${url}/v1/chat/completions`, init)
  const pieces: Uint8Array[] = []
  let size = 0
  try {
    for await (const piece of answer.body ?? []) {
      pieces.push(piece)
      size += piece.length
      if (way === 'cut' && size > LEFT_AFTER_BYTES) leaving.abort()
    }
  } catch (error) {
    if (!CUT.has(way)) throw error
  }
  return { id: answer.headers.get('x-receipt-id') ?? '', request: body, response: Buffer.concat(pieces) }
}

async function fetched(url: string, authorization: string, id: string): Promise<string> {
  for (;;) {
    const answer = await fetch(`${url}/v1/receipts/${id}`, { headers: { authorization } })
    const text = await answer.text()
    if (answer.status === 200) return text
    if (answer.status !== 425) throw new Error(`${answer.status} ${text}`)
    await Bun.sleep(5)
  }
}

/** In words; `not all here` where the client has less than was handed on, and nothing else is amiss. */
function verdictOf(held: Held): string {
  const checks = checkReceipt(held).filter(({ outcome }) => outcome !== 'pass')
  const failed = checks.filter(({ outcome }) => outcome === 'fail').map(({ name, why }) => `${name} (${why})`)
  if (failed.length > 0) return `fail by ${failed.join(', ')}`
  return checks.length === 0 ? 'hold' : 'not all here'
}

/** The same with one bit of one character of the signed text changed. */
function flipped(answer: string, number: number): string {
  const { receipt, receipt_signature } = JSON.parse(answer)
  const at = number % receipt.length
  const other = String.fromCharCode(receipt.charCodeAt(at) ^ 1)
  return JSON.stringify({ receipt: receipt.slice(0, at) + other + receipt.slice(at + 1), receipt_signature })
}

function figure(way: Way, counts: ReadonlyMap<string, number>): Figure {
  const is = [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ')
  const found = [...counts.keys()]
  return { what: `${way}:`, is, holds: found.every(it => it === 'hold' || (CUT.has(way) && it === 'not all here')) }
}

import { randomBytes, randomUUID } from 'node:crypto'
import http from 'node:http'
import type { Subject } from './parts.ts'

/** One stream's figures, in microseconds. */
export interface Timing {
  /** From the request to its first event. */
  readonly first: number
  /** From the moment each event was sent until it was here. */
  readonly delays: readonly number[]
  /** Between two events. */
  readonly gaps: readonly number[]
}

/** How a stream is asked for. */
export interface Asking {
  readonly authorization: string
  readonly agent: http.Agent
  /** Whether the body claims a seal. */
  readonly isSealed: boolean
}

/** Microseconds since the epoch, alike in all processes of a machine. */
const now = () => (performance.timeOrigin + performance.now()) * 1000

/** Sends a request of 400 bytes and times the events of its answer, which tell when they were sent. */
export function timed(subject: Subject, asking: Asking): Promise<Timing> {
  return new Promise((resolve, reject) => {
    const began = now()
    const arrivals: { at: number; sent: number }[] = []
    const request = asked(subject, asking, answer => {
      if (answer.statusCode !== 200) reject(new Error(`${subject.name} answered ${answer.statusCode}`))
      answer.on('data', (chunk: Buffer) => {
        const at = now()
        for (const [, sent = '0'] of chunk.toString('latin1').matchAll(/t=(\d+);/g))
          arrivals.push({ at, sent: Number(sent) })
      })
      answer.on('error', reject)
      answer.on('end', () => {
        resolve({
          first: (arrivals[0]?.at ?? Number.NaN) - began,
          delays: arrivals.map(({ at, sent }) => at - sent),
          gaps: arrivals.slice(1).map(({ at }, index) => at - (arrivals[index]?.at ?? Number.NaN)),
        })
      })
    })
    request.on('error', reject)
  })
}

/** Begins a stream and leaves at its first event; gives the request's id, and when it left in microseconds. */
export function cut(subject: Subject, asking: Asking): Promise<{ id: string; at: number }> {
  return new Promise((resolve, reject) => {
    const id = randomUUID()
    const leaving = (answer: http.IncomingMessage) => {
      answer.on('error', () => undefined)
      answer.once('data', () => {
        resolve({ id, at: now() })
        request.destroy()
      })
    }
    const request = asked(subject, asking, leaving, { 'x-request-id': id })
    request.on('error', reject)
  })
}

function asked(
  { url }: Subject,
  { authorization, agent, isSealed }: Asking,
  answered: (answer: http.IncomingMessage) => void,
  more: Record<string, string> = {},
): http.ClientRequest {
  const body = isSealed ? SEALED : OPEN
  const sealing = isSealed ? { 'ehbp-encapsulated-key': randomBytes(32).toString('hex') } : {}
  const own = { authorization, 'content-type': 'application/json', 'content-length': body.length }
  const options = { method: 'POST', headers: { ...own, ...sealing, ...more }, agent }
  return http.request(`${url}/v1/chat/completions`, options, answered).end(body)
}

/** One frame, as long as it says: nobody on the way can tell what is in it. */
const SEALED = Buffer.alloc(400)
SEALED.writeUInt32BE(396, 0)
const OPEN = Buffer.from('{"model":"bench","stream":true,"messages":[]}'.padEnd(400))

import { downHeaders } from '../protocol/headers.ts'
import { Problem } from '../protocol/problem.ts'
import { alarm } from './alarm.ts'
import { refusalOf } from './answer.ts'
import type { Answer } from './received.ts'

const WITHIN_MS = 30_000
const MOST_BYTES = 1_048_576
const BODILESS = new Set([204, 205, 304])

/**
 * An upstream's small answer, read to its end: within half a minute, and a mebibyte of it at most.
 * @throws Problem `upstream_malformed`, `upstream_timeout` or `upstream_unreachable`
 */
export async function wholeAnswer(answer: Answer): Promise<Response> {
  const status = answer.statusCode
  const refusal = refusalOf(answer, { status, hasBody: !BODILESS.has(status), sealed: false })
  if (refusal) {
    answer.destroy()
    throw refusal
  }
  const headers = new Headers(downHeaders(answer.headers))
  const id = answer.headers['x-request-id']
  if (id !== undefined) headers.set('x-request-id', id)
  const bytes = await bytesOf(answer)
  return new Response(BODILESS.has(status) ? null : bytes, { status, headers })
}

async function bytesOf(answer: Answer): Promise<Uint8Array<ArrayBuffer>> {
  const late = alarm()
  late.in(WITHIN_MS, () => {
    answer.destroy(new Problem('upstream_timeout', 'The upstream did not end its answer in time.'))
  })
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of answer) {
      size += chunk.length
      if (size > MOST_BYTES)
        throw new Problem('upstream_malformed', `The upstream answered with more than ${MOST_BYTES} bytes.`)
      chunks.push(chunk)
    }
  } catch (cause) {
    throw cause instanceof Problem ? cause : brokenOff(cause)
  } finally {
    late.off()
  }
  if (!answer.complete) throw brokenOff()
  return Buffer.concat(chunks)
}

function brokenOff(cause?: unknown): Problem {
  return new Problem('upstream_unreachable', 'The upstream broke its answer off.', { cause })
}

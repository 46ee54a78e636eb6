import { quantile } from './figures.ts'
import type { Subject } from './parts.ts'
import { BODY } from './wrk.ts'

/** What came of requests that were sent by the clock. */
export interface Paced {
  /** Requests a second that were answered. */
  readonly rate: number
  /** Microseconds. */
  readonly p50: number
  readonly p99: number
  /** Not answered, or not with a 200, or not in time. */
  readonly failed: number
}

interface Pace {
  readonly authorization: string
  /** Requests a second. */
  readonly rate: number
  readonly seconds: number
}

// The first ones open connections.
const WARM_SECONDS = 1
// Who cannot keep up has answers to give long after the last request.
const PATIENT_MS = 2000

/**
 * Sends small chats at even distances, whether those before have been answered or not. (h2load sends by the clock too, but
 * one from every connection in the same moment: all but the first of these wait for the others.)
 */
export async function paced({ url }: Subject, { authorization, rate, seconds }: Pace): Promise<Paced> {
  const signal = AbortSignal.timeout((WARM_SECONDS + seconds) * 1000 + PATIENT_MS)
  const headers = { authorization, 'content-type': 'application/json' }
  const took: number[] = []
  let failed = 0
  const one = async (isCounted: boolean) => {
    const began = performance.now()
    const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: BODY, headers, signal })
    await answer.arrayBuffer()
    if (isCounted) took.push((performance.now() - began) * 1000)
    if (!answer.ok) failed++
  }
  const all: Promise<void>[] = []
  const [began, count] = [performance.now(), rate * (WARM_SECONDS + seconds)]
  while (all.length < count) {
    const due = Math.min(count, ((performance.now() - began) * rate) / 1000)
    while (all.length < due) all.push(one(all.length >= WARM_SECONDS * rate).catch(() => void failed++))
    await Bun.sleep(1)
  }
  await Promise.all(all)
  return { rate: took.length / seconds, p50: quantile(took, 0.5), p99: quantile(took, 0.99), failed }
}

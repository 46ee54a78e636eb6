import type { Address } from '../protocol/kinds.ts'
import { Problem } from '../protocol/problem.ts'
import { calls } from '../upstream/call.ts'
import { reachable } from './healthcheck.ts'
import { readSamples, type Samples } from './samples.ts'
import { statusText } from './status-text.ts'

const WITHIN_MS = 5000
// A gateway's are some hundred kilobytes; whoever else listens there may never end.
const MOST_BYTES = 16 * 2 ** 20

interface Deps {
  /** What is told by METRICS_ADDR. */
  at: Address | 'off'
  /** Milliseconds since the epoch. */
  now: () => number
  /** Resolves after so many milliseconds. */
  pause: (ms: number) => Promise<void>
  print: (text: string) => void
  say: (line: string) => void
}

/** Milliseconds between the two looks that tell how much goes on now. */
const BETWEEN_MS = 1000

/** Shows on one screen how the gateway on this machine fares: 0 if its metrics answer, else 1 and why. */
export async function status({ at, now, pause, print, say }: Deps): Promise<0 | 1> {
  if (at === 'off') {
    say('METRICS_ADDR is off: give the address at which the gateway serves its metrics.')
    return 1
  }
  const url = `http://${reachable(at.host)}:${at.port}/metrics`
  try {
    const [before, from] = [await samplesAt(url), now()]
    await pause(BETWEEN_MS)
    const [after, until] = [await samplesAt(url), now()]
    if (after.label('sealgate_build_info', 'version') === undefined) {
      say(`${url} is not a gateway's: is METRICS_ADDR the same as its own?`)
      return 1
    }
    print(statusText({ before, after, seconds: Math.max(0.001, (until - from) / 1000), now: until }))
    return 0
  } catch (error) {
    say(
      `${url} ${whyNot(error)}: is the gateway running, METRICS_ADDR the same as its own, and no other program there?`,
    )
    return 1
  }
}

class Answered extends Error {
  readonly status: number

  constructor(status: number) {
    super()
    this.status = status
  }
}

function whyNot(error: unknown): string {
  if (error instanceof Answered) return `answered ${error.status}`
  return error instanceof Problem && error.code === 'upstream_malformed' ? 'answered no metrics' : 'did not answer'
}

async function samplesAt(url: string): Promise<Samples> {
  const answer = await calls().send({
    url,
    headers: { accept: 'text/plain' },
    withinMs: WITHIN_MS,
    maxBytes: MOST_BYTES,
  })
  if (answer.status !== 200) throw new Answered(answer.status)
  return readSamples(await answer.text())
}

import type { Table } from '../figures.ts'
import { descriptorsFor } from '../proc.ts'
import { hold } from '../streams.ts'
import type { Cast } from './cast.ts'

const COUNTS = [1000, 5000, 10_000]

/** What streams hold that are open and quiet. */
export async function openStreams({ on }: Cast): Promise<Table> {
  const rows = []
  for (const [at, count] of COUNTS.entries()) {
    // One to the client and one to the upstream, of each stream.
    if (descriptorsFor() < 2 * count + 100) {
      rows.push({ name: 'all', streams: count, 'KB/stream': `not run: ${descriptorsFor()} descriptors are allowed` })
      continue
    }
    const port = 7651 + 4 * at
    const quiet = await on.quiet(port)
    const subjects = [await on.nginx(quiet, port + 1), await on.sealgate(quiet, port + 2)]
    for (const subject of subjects) {
      const { idle, open, after, perStream } = await hold(subject, on.authorization, count)
      rows.push({
        name: subject.name,
        streams: count,
        'KB/stream': perStream,
        'idle MB': idle,
        'open MB': open,
        'after 3 s MB': after,
      })
    }
    for (const subject of [...subjects, quiet]) await on.end(subject)
  }
  return { title: 'open streams, each after its first event', rows }
}

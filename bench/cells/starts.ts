import { spread, type Table } from '../figures.ts'
import type { Cast } from './cast.ts'

const STARTS = 15

/** From the start of the process to its first 200; the first start makes database and key, and is told apart. */
export async function starts({ on }: Cast): Promise<Table> {
  const port = 7671
  const upstream = await on.answering(port)
  const took: number[] = []
  for (let count = 0; count < STARTS; count++) {
    const began = performance.now()
    const subject = await on.sealgate(upstream, port + 1)
    took.push(performance.now() - began)
    await on.end(subject)
  }
  await on.end(upstream)
  const [first = Number.NaN, ...later] = took
  return {
    title: 'start to the first 200, ms',
    rows: [{ name: 'sealgate', 'with a new database': first, later: spread(later) }],
  }
}

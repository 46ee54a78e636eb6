import { added, type Figure, median, spread, type Table, times } from '../figures.ts'
import { paced } from '../paced.ts'
import type { Subject } from '../parts.ts'
import { load, type Round } from '../wrk.ts'
import { type Cast, inTurn, type Told } from './cast.ts'

const SECONDS = 2
// A younger process of ours spends much of its time on compiling itself; nginx does not.
const WARM_SECONDS = 10
const CONNECTIONS = [1, 32]
const LADDER = [1, 2, 4, 8, 16, 32, 64]
const PATIENT_MS = 10

/** What small chats cost: as many as go, as many as are answered in time, and at half of the peak. */
export async function smallChats(cast: Cast, subjects: readonly Subject[]): Promise<Table[]> {
  const tables: Table[] = []
  const [, , sealgate, peer] = subjects
  for (const young of [sealgate, peer]) if (young) await load(young, wrk(cast, 32, WARM_SECONDS))
  for (const connections of CONNECTIONS) tables.push(await closedLoop(cast, subjects, connections))
  const peak = sealgate ? await peakOf(cast, sealgate) : Number.NaN
  return [...tables, await inTime(cast, subjects), await atHalf(cast, subjects, peak)]
}

const wrk = ({ on, directory }: Cast, connections: number, seconds = SECONDS) => ({
  ...{ directory, connections, seconds, authorization: on.authorization },
})

async function closedLoop(cast: Cast, subjects: readonly Subject[], connections: number): Promise<Table> {
  const found = await inTurn(subjects, cast.rounds, subject => load(subject, wrk(cast, connections)))
  const of = (at: number, figure: keyof Told<Round>) => (found[at] ?? []).map(round => round[figure])
  const inMicroseconds = (at: number, figure: 'p50' | 'p99') => of(at, figure).map(ms => ms * 1000)
  return {
    title: `small chats, ${connections} at once, each when the one before is answered`,
    rows: subjects.map(({ name }, at) => ({
      name,
      'requests/s': spread(of(at, 'rate')),
      'CPU µs/request': spread(of(at, 'cpu')),
      'CPU × nginx': times(of(at, 'cpu'), of(1, 'cpu')),
      'added p50 µs': at === 0 ? '–' : added(inMicroseconds(at, 'p50'), inMicroseconds(0, 'p50')),
      'added p99 µs': at === 0 ? '–' : added(inMicroseconds(at, 'p99'), inMicroseconds(0, 'p99')),
      'stolen %': spread(of(at, 'stolen')),
      failed: of(at, 'failed').reduce((sum, failed) => sum + failed, 0),
    })),
  }
}

const peakOf = async (cast: Cast, subject: Subject) =>
  median([await load(subject, wrk(cast, 32)), await load(subject, wrk(cast, 32))].map(({ rate }) => rate))

/** As many connections as go before the slowest of a hundred takes too long. */
async function inTime(cast: Cast, subjects: readonly Subject[]): Promise<Table> {
  const rows = []
  for (const subject of subjects) {
    const steps: (Round & { connections: number })[] = []
    for (const connections of LADDER) steps.push({ ...(await load(subject, wrk(cast, connections, 1))), connections })
    const best = steps.filter(({ p99 }) => p99 < PATIENT_MS).sort((a, b) => b.rate - a.rate)[0]
    const row: Record<string, Figure> = {
      name: subject.name,
      'requests/s': best?.rate ?? Number.NaN,
      'at once': best?.connections ?? 'none',
      'p99 ms': best?.p99 ?? Number.NaN,
    }
    rows.push(row)
  }
  return { title: `most small chats with a p99 below ${PATIENT_MS} ms, one round each`, rows }
}

/** All at the rate that is half of what sealgate can, by the clock. */
async function atHalf(cast: Cast, subjects: readonly Subject[], peak: number): Promise<Table> {
  const { on, rounds } = cast
  const rate = Math.max(32, Math.floor(peak / 2))
  const how = { authorization: on.authorization, rate, seconds: SECONDS }
  const found = await inTurn(subjects, rounds, subject => paced(subject, how))
  const of = (at: number, figure: 'rate' | 'p50' | 'p99' | 'stolen') => (found[at] ?? []).map(round => round[figure])
  return {
    title: `small chats by the clock, at ${rate} a second: half of sealgate's peak`,
    rows: subjects.map(({ name }, at) => ({
      name,
      'requests/s': spread(of(at, 'rate')),
      'p50 µs': spread(of(at, 'p50')),
      'p99 µs': spread(of(at, 'p99')),
      'added p50 µs': at === 0 ? '–' : added(of(at, 'p50'), of(0, 'p50')),
      'added p99 µs': at === 0 ? '–' : added(of(at, 'p99'), of(0, 'p99')),
      'stolen %': spread(of(at, 'stolen')),
      failed: (found[at] ?? []).reduce((sum, { failed }) => sum + failed, 0),
    })),
  }
}

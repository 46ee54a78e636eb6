// bun bench/events.ts [rounds]: what an event of a stream costs the gateway: streams of 1, 33 and 65 events, 10 ms apart, in
// rounds that take turns.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inTurn } from './cells/cast.ts'
import { markdown, spread } from './figures.ts'
import { type Subject, stage } from './parts.ts'
import { load } from './wrk.ts'

const ROUNDS = Number(Bun.argv[2] ?? 7)
const LENGTHS = [1, 33, 65]
// Longer than the longest stream many times over: what is under way at an end is paid for and not counted.
const SECONDS = 6

const directory = mkdtempSync(join(tmpdir(), 'sealgate-events-'))
const on = await stage()
try {
  const subjects: Subject[] = []
  for (const [at, length] of LENGTHS.entries())
    subjects.push(
      await on.sealgate(await on.pacing(7681 + 2 * at, { states: 'stating', events: length }), 7682 + 2 * at),
    )
  const options = { directory, authorization: on.authorization, connections: 64, seconds: SECONDS }
  for (const subject of subjects) await load(subject, { ...options, seconds: 2 })
  const found = await inTurn(subjects, ROUNDS, async subject => {
    const { cpu, failed } = await load(subject, options)
    if (failed > 0) throw new Error(`${failed} streams failed`)
    return { cpu }
  })
  const costs = found.map(all => all.map(({ cpu }) => cpu))
  const [first = []] = costs
  const more = (mine: readonly number[], length: number) =>
    spread(mine.map((cost, round) => (cost - (first[round] ?? Number.NaN)) / (length - 1)))
  const rows = costs.map((mine, at) => ({
    events: LENGTHS[at] ?? 0,
    'CPU µs/stream': spread(mine),
    'of each event after the first': at === 0 ? '–' : more(mine, LENGTHS[at] ?? 0),
  }))
  process.stdout.write(markdown({ title: `${ROUNDS} rounds of ${SECONDS} s, 64 connections`, rows }))
} finally {
  await on.stop()
  rmSync(directory, { recursive: true })
}

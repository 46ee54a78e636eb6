// bun bench/events.ts [rounds]: what an event of a stream costs the gateway: streams of 1, 33 and 65 events, 10 ms apart, in
// rounds that take turns.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
  const found = LENGTHS.map((): number[] => [])
  for (let round = 0; round < ROUNDS; round++)
    for (const [at, subject] of subjects.entries()) {
      const { cpu, failed } = await load(subject, options)
      if (failed > 0) throw new Error(`${failed} streams failed`)
      found[at]?.push(cpu)
    }
  const shown = (values: readonly number[]) => {
    const sorted = [...values].sort((a, b) => a - b)
    return [Math.floor(sorted.length / 2), 0, sorted.length - 1].map(at => (sorted[at] ?? Number.NaN).toFixed(0))
  }
  process.stdout.write(`${ROUNDS} rounds of ${SECONDS} s, 64 connections\n\n`)
  process.stdout.write(
    '| events | CPU µs/stream | lowest–highest | of each event after the first |\n| --- | --- | --- | --- |\n',
  )
  for (const [at, length] of LENGTHS.entries()) {
    const [middle, low, high] = shown(found[at] ?? [])
    const each = (found[at] ?? []).map((cost, round) => (cost - (found[0]?.[round] ?? 0)) / (length - 1))
    process.stdout.write(`| ${length} | ${middle} | ${low}–${high} | ${at === 0 ? '–' : shown(each)[0]} |\n`)
  }
} finally {
  await on.stop()
  rmSync(directory, { recursive: true })
}

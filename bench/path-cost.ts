// bun bench/path-cost.ts [rounds] [stretch …]: what each stretch of the governed path adds to the CPU of a small chat, in
// rounds that take turns; named stretches are held against each other instead, each against the one before.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Subject, stage } from './parts.ts'
import { load } from './wrk.ts'

const [rounds = '5', ...named] = Bun.argv.slice(2)
const ALL = [
  'bare',
  'transport and tap',
  'forward, observe',
  'routing, JWT',
  'ledger',
  'limit',
  'log',
  'slots',
  'receipts',
  'metrics',
]
const STRETCHES = named.length > 0 ? named : ALL
const ROUNDS = Number(rounds)
// Of two stretches many short rounds tell more: the machine drifts.
const SECONDS = named.length > 0 ? 1 : 3

const directory = mkdtempSync(join(tmpdir(), 'sealgate-path-'))
const on = await stage()
try {
  const upstream = await on.answering(7631)
  const subjects: Subject[] = []
  for (const [at, name] of STRETCHES.entries()) subjects.push(await on.stretch(name, upstream, 7632 + at))
  const options = { directory, authorization: on.authorization, connections: 32 }
  for (const subject of subjects) await load(subject, { ...options, seconds: SECONDS })
  const costs = subjects.map((): number[] => [])
  for (let round = 0; round < ROUNDS; round++) {
    for (const [at, subject] of subjects.entries())
      costs[at]?.push((await load(subject, { ...options, seconds: SECONDS })).cpu)
  }
  const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
  process.stdout.write(
    '| with | CPU µs/request | lowest–highest | added | of the one before |\n| --- | --- | --- | --- | --- |\n',
  )
  for (const [at, name] of STRETCHES.entries()) {
    const mine = costs[at] ?? []
    const added = median(mine.map((cost, round) => cost - (costs[at - 1]?.[round] ?? 0)))
    const shares = mine.map((cost, round) => (100 * cost) / (costs[at - 1]?.[round] ?? Number.NaN) - 100)
    const [low, high] = [Math.min(...mine), Math.max(...mine)]
    const share = at === 0 ? '–' : `${median(shares).toFixed(1)} %`
    process.stdout.write(
      `| ${name} | ${median(mine).toFixed(0)} | ${low.toFixed(0)}–${high.toFixed(0)} | ${added.toFixed(1)} | ${share} |\n`,
    )
  }
} finally {
  await on.stop()
  rmSync(directory, { recursive: true })
}

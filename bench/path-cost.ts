// bun bench/path-cost.ts [rounds] [stretch …]: what each stretch of the governed path adds to the CPU of a small chat, in
// rounds that take turns; named stretches are held against each other instead, each against the one before.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inTurn } from './cells/cast.ts'
import { added, markdown, spread, times } from './figures.ts'
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
const [SECONDS, WARM_SECONDS] = [named.length > 0 ? 1 : 3, 6]

const directory = mkdtempSync(join(tmpdir(), 'sealgate-path-'))
const on = await stage()
try {
  const upstream = await on.answering(7631)
  const subjects: Subject[] = []
  for (const [at, name] of STRETCHES.entries()) subjects.push(await on.stretch(name, upstream, 7632 + at))
  const options = { directory, authorization: on.authorization, connections: 32 }
  for (const subject of subjects) await load(subject, { ...options, seconds: WARM_SECONDS })
  const found = await inTurn(subjects, ROUNDS, subject => load(subject, { ...options, seconds: SECONDS }))
  const costs = found.map(rounds => rounds.map(({ cpu }) => cpu))
  const rows = costs.map((mine, at) => ({
    with: STRETCHES[at] ?? '',
    'CPU µs/request': spread(mine),
    added: at === 0 ? '–' : added(mine, costs[at - 1] ?? []),
    '× the one before': at === 0 ? '–' : times(mine, costs[at - 1] ?? []),
  }))
  process.stdout.write(markdown({ title: `small chats, 32 at once, ${ROUNDS} rounds of ${SECONDS} s each`, rows }))
} finally {
  await on.stop()
  rmSync(directory, { recursive: true })
}

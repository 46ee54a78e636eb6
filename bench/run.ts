// bun run bench: what sealgate costs beside a plain reverse proxy, in one run. See README.md in this folder.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Stage, type Subject, stage } from './parts.ts'
import { rssMegabytes } from './proc.ts'
import { hold } from './streams.ts'
import { load, type Round } from './wrk.ts'

const ROUNDS = Number(Bun.argv[2] ?? 7)
const SECONDS = 3
const STREAMS = 1000

/** One subject's figures: the median of its rounds, and how far they lay apart. */
interface Row {
  name: string
  connections: number
  [figure: string]: string | number
}

const rounded = (value: number, digits = 1) => Number(value.toFixed(digits))

function summary(values: readonly number[], digits = 1) {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => rounded(sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN, digits)
  return { median: at(0.5), low: at(0), high: at(1) }
}

const shown = ({ median, low, high }: ReturnType<typeof summary>) => `${median} (${low}–${high})`

/** Rounds in turn, direct, nginx, sealgate, and again, so that a machine whose speed drifts drifts for all. */
async function rounds(subjects: readonly Subject[], connections: number, authorization: string, directory: string) {
  const options = { directory, authorization, connections }
  for (const subject of subjects) await load(subject, { ...options, seconds: 2 })
  const found = subjects.map((): Round[] => [])
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, subject] of subjects.entries()) {
      found[index]?.push(await load(subject, { ...options, seconds: SECONDS }))
    }
  }
  return found
}

function rows(subjects: readonly Subject[], found: readonly Round[][], connections: number): Row[] {
  const [direct = []] = found
  return subjects.map(({ name }, index) => {
    const mine = found[index] ?? []
    const added = (figure: 'p50' | 'p99') =>
      summary(
        mine.map((round, at) => (round[figure] - (direct[at]?.[figure] ?? 0)) * 1000),
        0,
      )
    return {
      name,
      connections,
      'requests/s': shown(
        summary(
          mine.map(({ rate }) => rate),
          0,
        ),
      ),
      'CPU µs/request': shown(summary(mine.map(({ cpu }) => cpu))),
      'added p50 µs': index === 0 ? '–' : shown(added('p50')),
      'added p99 µs': index === 0 ? '–' : shown(added('p99')),
      failed: mine.reduce((sum, { failed }) => sum + failed, 0),
    }
  })
}

async function requests(on: Stage, directory: string): Promise<Row[]> {
  const direct = await on.answering(7611)
  const subjects = [direct, await on.nginx(direct, 7612), await on.sealgate(direct, 7613)]
  const sealgate = subjects[2] ?? direct
  const idle = rssMegabytes(sealgate.pid)
  const table: Row[] = []
  let peak = 0
  for (const connections of [1, 32]) {
    const found = await rounds(subjects, connections, on.authorization, directory)
    peak = Math.max(peak, ...(found[2] ?? []).map(({ rss }) => rss))
    table.push(...rows(subjects, found, connections))
  }
  await Bun.sleep(10_000)
  const after = rssMegabytes(sealgate.pid)
  for (const subject of subjects) await on.end(subject)
  const memory = { idle: rounded(idle), peak: rounded(peak), 'after 10 s': rounded(after) }
  print('sealgate, resident memory under that load, MB', [memory])
  return table
}

async function streams(on: Stage) {
  const quiet = await on.quiet(7621)
  const subjects = [await on.nginx(quiet, 7622), await on.sealgate(quiet, 7623)]
  const table = []
  for (const subject of subjects) {
    const held = await hold(subject, on.authorization, STREAMS)
    table.push({
      name: subject.name,
      streams: STREAMS,
      'idle MB': rounded(held.idle),
      'open MB': rounded(held.open),
      'after MB': rounded(held.after),
      'KB/stream': rounded(held.perStream),
    })
  }
  for (const subject of [...subjects, quiet]) await on.end(subject)
  return table
}

function print(title: string, table: readonly object[]): void {
  process.stdout.write(`\n${title}\n\n`)
  const columns = Object.keys(table[0] ?? {})
  const line = (cells: readonly string[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`)
  line(columns)
  line(columns.map(() => '---'))
  for (const row of table) line(Object.values(row).map(String))
}

for (const tool of ['nginx', 'wrk', 'taskset']) {
  if (Bun.which(tool)) continue
  process.stderr.write(`bench: ${tool} is missing; on Debian: apt-get install nginx-light wrk util-linux\n`)
  process.exit(2)
}
const directory = mkdtempSync(join(tmpdir(), 'sealgate-bench-load-'))
const on = await stage()
try {
  const machine = `${cpus()[0]?.model}, ${cpus().length} cores, Bun ${Bun.version}, ${new Date().toISOString().slice(0, 10)}`
  process.stdout.write(`${machine}; ${ROUNDS} rounds of ${SECONDS} s each, median (lowest–highest)\n`)
  const chats = await requests(on, directory)
  print('small chats, 400 bytes up and down', chats)
  const open = await streams(on)
  print('open streams', open)
  const file = join(process.cwd(), 'bench-result.json')
  writeFileSync(file, JSON.stringify({ machine, rounds: ROUNDS, seconds: SECONDS, chats, open }, null, 2))
  process.stdout.write(`\nas JSON: ${file}\n`)
} finally {
  await on.stop()
  rmSync(directory, { recursive: true })
}

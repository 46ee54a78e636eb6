// bun bench/idle.ts [rounds] [executable…]: what a start costs and leaves in memory, in rounds that take turns; then what a
// busy time leaves there, and an open stream holds. Without a name it is the executable of these sources.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile } from '../release/compile.ts'
import { markdown, spread } from './figures.ts'
import { type Stage, type Subject, stage } from './parts.ts'
import { mappedMegabytes, rssMegabytes } from './proc.ts'
import { hold } from './streams.ts'
import { load } from './wrk.ts'

const [rounds = 3, ...given] = Bun.argv.slice(2)
const STREAMS = 1000
const [IDLE_MS, AFTER_MS] = [12_000, 60_000]
const LOAD_SECONDS = 10

/** CPU time of all threads of a process, in milliseconds; of a start a hundredth of a second is too coarse. */
function cpuMs(pid: number): number {
  const of = (thread: string) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + of(thread), 0) / 1e6
}

const memory = ({ pid }: Subject) => `${rssMegabytes(pid).toFixed(1)} (${mappedMegabytes(pid).toFixed(1)})`

/** One executable. */
interface Candidate {
  readonly name: string
  readonly on: Stage
  /** CPU time of each start, in milliseconds. */
  readonly starts: number[]
}

async function started({ on, starts }: Candidate, upstream: Subject): Promise<void> {
  const subject = await on.sealgate(upstream, 7672)
  starts.push(cpuMs(subject.pid))
  await on.end(subject)
}

/** Idle, under load, and a minute later; then what each of many streams holds. */
async function strained({ name, on, starts }: Candidate, upstream: Subject, quiet: Subject, directory: string) {
  const busy = await on.sealgate(upstream, 7672)
  await Bun.sleep(IDLE_MS)
  const idle = memory(busy)
  await load(busy, { directory, authorization: on.authorization, connections: 32, seconds: LOAD_SECONDS })
  const loaded = memory(busy)
  await Bun.sleep(AFTER_MS)
  const after = memory(busy)
  await on.end(busy)
  const open = await on.sealgate(quiet, 7673)
  const { perStream } = await hold(open, on.authorization, STREAMS)
  await on.end(open)
  return {
    executable: name,
    'CPU ms': spread(starts),
    idle,
    'after load': loaded,
    'a minute later': after,
    'KB/stream': perStream,
  }
}

const directory = mkdtempSync(join(tmpdir(), 'sealgate-idle-'))
const names = given.length > 0 ? given : [await compile({ directory, commit: 'unknown' })]
const candidates: Candidate[] = []
for (const name of names) candidates.push({ name, on: await stage(name), starts: [] })
try {
  const [first] = candidates
  if (!first) throw new Error('no executable')
  const [upstream, quiet] = [await first.on.answering(7670), await first.on.quiet(7671)]
  for (let round = 0; round < Number(rounds); round++)
    for (const candidate of candidates) await started(candidate, upstream)
  const rows = []
  for (const candidate of candidates) rows.push(await strained(candidate, upstream, quiet, directory))
  const title = 'MB resident (of it mapped from files); CPU ms until it answers; KB of each open stream'
  process.stdout.write(markdown({ title, rows }))
} finally {
  for (const { on } of candidates) await on.stop()
  rmSync(directory, { recursive: true })
}

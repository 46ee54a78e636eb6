// bun run bench [rounds]: what sealgate costs beside a plain reverse proxy, in one run. See README.md in this folder.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cast } from './cells/cast.ts'
import { kinds } from './cells/kinds.ts'
import { openStreams } from './cells/open-streams.ts'
import { smallChats } from './cells/small-chats.ts'
import { starts } from './cells/starts.ts'
import { streams } from './cells/streams.ts'
import { markdown, type Table } from './figures.ts'
import { OTHER_CORE, type Subject, stage } from './parts.ts'
import { plots } from './plots.ts'
import { rssMegabytes } from './proc.ts'

const REST_MS = 60_000
// The pages of a start are given back after some seconds.
const IDLE_MS = 12_000

/** The headline, and what memory does before, under and after it; starts are timed while it rests. */
async function governed(cast: Cast): Promise<Table[]> {
  const direct = await cast.on.answering(7611)
  const nginx = await cast.on.nginx(direct, 7612)
  const sealgate = await cast.on.sealgate(direct, 7613)
  await Bun.sleep(IDLE_MS)
  const idle = rssMegabytes(sealgate.pid)
  const tables = await smallChats(cast, [direct, nginx, sealgate, ...(cast.peer ? [cast.peer] : [])])
  const loaded = rssMegabytes(sealgate.pid)
  const rested = Bun.sleep(REST_MS)
  const started = await starts(cast)
  await rested
  const after = rssMegabytes(sealgate.pid)
  for (const subject of [direct, nginx, sealgate]) await cast.on.end(subject)
  const row = { name: 'sealgate', idle, 'under load': loaded, 'after 60 s': after, 'after × idle': after / idle }
  return [...tables, { title: 'resident memory under that load, MB', rows: [row] }, started]
}

for (const tool of ['nginx', 'wrk', 'taskset']) {
  if (Bun.which(tool)) continue
  const packages = 'nginx-light wrk util-linux'
  process.stderr.write(`bench: ${tool} is missing; on Debian: apt-get install ${packages}\n`)
  process.exit(2)
}
// The load is part of this process: what is measured has a core to itself.
await Bun.spawn(['taskset', '-a', '-p', '-c', OTHER_CORE, `${process.pid}`], { stdout: 'ignore' }).exited
const began = performance.now()
const directory = mkdtempSync(join(tmpdir(), 'sealgate-bench-load-'))
const on = await stage()
try {
  const { BENCH_PEER: url, BENCH_PEER_PID: pid = 0 } = process.env
  const peer: Subject | undefined = url ? { name: 'peer', url: url.replace(/\/$/, ''), pid: Number(pid) } : undefined
  const cast: Cast = { on, directory, rounds: Number(process.argv[2] ?? 5), peer }
  const date = new Date().toISOString().slice(0, 10)
  const machine = `${cpus()[0]?.model}, ${cpus().length} cores, Bun ${Bun.version}, ${date}`
  process.stdout.write(`${machine}; ${cast.rounds} rounds, median (lowest–highest)\n`)
  const tables: Table[] = []
  for (const cell of [governed, streams, openStreams, kinds])
    for (const table of [await cell(cast)].flat()) {
      tables.push(table)
      process.stdout.write(markdown(table))
    }
  const folder = join(process.cwd(), 'bench-result')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'result.json'), JSON.stringify({ machine, rounds: cast.rounds, tables }, null, 2))
  for (const [name, svg] of Object.entries(await plots(tables))) writeFileSync(join(folder, name), svg)
  const minutes = (performance.now() - began) / 60_000
  process.stdout.write(`\n${minutes.toFixed(1)} minutes; as JSON and plots: ${folder}\n`)
} finally {
  await on.stop()
  rmSync(directory, { recursive: true })
}
process.exit()

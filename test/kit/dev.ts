import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { executable, type Running, start, startDev } from './binary.ts'
import { freshDirectory } from './directory.ts'

/** A compiled gateway in dev mode, with a database on disk. */
export interface DevGateway extends Running {
  readonly url: string
  readonly authorization: string
  /** The status of `/readyz`. */
  ready(): Promise<number>
  models(): Promise<Response>
  /** Resolves when `/readyz` has this status; rejects in eight seconds. */
  becomes(status: number): Promise<void>
  /** Asks it to stop and gives the exit code. */
  stop(): Promise<number>
}

// Limits that are in no test's way, unless it is about them.
const LIMITS = ['--rate-limit-rpm', '60000', '--rate-limit-burst', '1000', '--concurrent-limit', '0']
const WIDE = ['--database-url', 'sqlite:x.db', ...LIMITS]

/** Starts compiled gateways and ends them all. */
export function devGateways() {
  const alive: Running[] = []
  const directories: string[] = []
  return {
    /** A directory that is removed in the end. */
    directory: (): string => {
      const path = freshDirectory()
      directories.push(path)
      return path
    },
    /** One that cannot start: what it said, and its exit code. */
    failing: async (cwd: string, env: Record<string, string> = {}, settings = ['--database-url', 'sqlite:x.db']) => {
      const args = ['--dev-mode', '--port', '0', ...settings]
      const running = start(await executable(), { cwd, args, env })
      alive.push(running)
      return { code: await running.exited, said: running.output() }
    },
    start: async (
      cwd: string,
      env: Record<string, string> = {},
      { descriptors, settings = WIDE }: { descriptors?: number | string; settings?: readonly string[] } = {},
    ): Promise<DevGateway> => {
      const path = descriptors ? limited(await executable(), descriptors, cwd) : await executable()
      const running = await startDev(path, { cwd, args: settings, env })
      alive.push(running)
      await running.says(/keys_loaded/)
      const { url, authorization } = running
      const ready = async () => (await fetch(`${url}/readyz`)).status
      return {
        ...running,
        ready,
        models: () => fetch(`${url}/v1/models`, { headers: { authorization } }),
        becomes: async status => {
          const until = performance.now() + 8000
          while ((await ready()) !== status) {
            if (performance.now() > until) throw new Error(`/readyz does not become ${status}`)
            await Bun.sleep(50)
          }
        },
        stop: () => {
          running.signal('SIGTERM')
          return running.exited
        },
      }
    },
    clear: async () => {
      for (const running of alive) running.signal('SIGKILL')
      await Promise.all(alive.splice(0).map(running => running.exited))
      for (const path of directories.splice(0)) rmSync(path, { recursive: true, force: true })
    },
  }
}

/** A script that starts the executable with so many descriptors, as `ulimit -n` takes them. */
function limited(path: string, descriptors: number | string, cwd: string): string {
  const script = join(cwd, 'limited')
  writeFileSync(script, `#!/bin/sh\nulimit -n ${descriptors}\nexec '${path}' "$@"\n`, { mode: 0o755 })
  return script
}

/** An answer's status, code and `Retry-After` in one line. */
export async function unavailable(answer: Response): Promise<string> {
  const { error } = (await answer.json()) as { error?: { code?: string } }
  return `${answer.status} ${error?.code} ${answer.headers.get('retry-after')}`
}

/** What the README promises while the database cannot be used. */
export const UNAVAILABLE = '503 database_unavailable 1'

import { rmSync } from 'node:fs'
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
    failing: async (cwd: string, env: Record<string, string> = {}) => {
      const args = ['--dev-mode', '--port', '0', '--database-url', 'sqlite:x.db']
      const running = start(await executable(), { cwd, args, env })
      alive.push(running)
      return { code: await running.exited, said: running.output() }
    },
    start: async (cwd: string, env: Record<string, string> = {}): Promise<DevGateway> => {
      const args = ['--database-url', 'sqlite:x.db', '--rate-limit-rpm', '60000', '--rate-limit-burst', '1000']
      const running = await startDev(await executable(), { cwd, args, env })
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

/** Fails unless this is the answer that the README gives for a database that cannot be used. */
export async function unavailable(answer: Response): Promise<string | undefined> {
  const { error } = (await answer.json()) as { error?: { code?: string } }
  return `${answer.status} ${error?.code} ${answer.headers.get('retry-after')}`
}

export const UNAVAILABLE = '503 database_unavailable 1'

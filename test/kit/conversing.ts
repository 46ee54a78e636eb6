import { Database } from 'bun:sqlite'
import { startGateway } from './gateway.ts'

/** A gateway in a process of its own, before a cloud that outlives it. */
export interface Conversing {
  /** Asks as a caller of that name; what becomes of it when the process is killed is of no interest. */
  ask(line: string, body?: string | FormData): Promise<unknown>
  /** Ends it as an outage would. */
  kill(): Promise<void>
}

/** Starts one on a database, as everybody's gateway would be. */
export async function conversing(database: string, cloud: string): Promise<Conversing> {
  const child = Bun.spawn([process.execPath, '--no-env-file', import.meta.path, database, cloud], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const { value } = await child.stdout.getReader().read()
  const { url, headers } = JSON.parse(Buffer.from(value ?? []).toString())
  return {
    ask: (line, body) => {
      const [method = '', path] = line.split(' ')
      return fetch(url + path, { method, headers, body: body ?? null })
        .then(async answer => {
          await answer.bytes()
          return answer.status
        })
        .catch(() => undefined)
    },
    kill: async () => {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}

/** Keeps everybody from writing to a SQLite database, until it is called. */
export function lock(url: string): () => void {
  const file = new Database(url.replace('sqlite:', ''))
  file.run('BEGIN IMMEDIATE')
  return () => file.close()
}

if (import.meta.main) {
  const [, , database = '', cloud = ''] = process.argv
  const kit = await startGateway({ upstream: cloud, isSealing: false, cloud, database })
  console.log(JSON.stringify({ url: kit.url, headers: await kit.bearer('ada') }))
}

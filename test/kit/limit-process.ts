import { limiter } from '../../src/gate/limiter.ts'
import { openTest } from './database.ts'
import type { Admission, Rate } from './law.ts'

/** What a limiter in another process is asked: so many requests at once, at the time told or at its own clock's. */
interface Asked {
  readonly owner: string
  readonly count: number
  readonly at?: number
  /** Again and again for so many milliseconds. */
  readonly forMs?: number
}

/** What it says to that. */
interface Said {
  readonly admissions: readonly Admission[]
  /** The longest wait it told, in milliseconds. */
  readonly longestMs: number
}

/** A limiter in a process of its own. */
export interface LimitProcess {
  take(asked: Asked): Promise<Said>
  /** Ends it as an outage would. */
  kill(): Promise<void>
}

/** Starts a process with a limiter on a database. */
export async function limitProcess(url: string, rate: Rate): Promise<LimitProcess> {
  const child = Bun.spawn([process.execPath, '--no-env-file', import.meta.path, url, JSON.stringify(rate)], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const answers = linesOf(child.stdout)
  return {
    take: async asked => {
      child.stdin.write(`${JSON.stringify(asked)}\n`)
      await child.stdin.flush()
      return JSON.parse((await answers.next()).value)
    },
    kill: async () => {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, string> {
  let text = ''
  for await (const chunk of stream) {
    text += Buffer.from(chunk).toString()
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    yield* lines
  }
  throw new Error('the limiter in the other process ended')
}

/** The other process: answers each line until its input ends. */
async function answerLines(url: string, rate: Rate): Promise<void> {
  const store = await openTest(url)
  for await (const line of console) {
    const { owner, count, at, forMs = 0 }: Asked = JSON.parse(line)
    const admissions: Admission[] = []
    let longestMs = 0
    const take = async () => {
      let read = 0
      const now = () => {
        read = at ?? Date.now()
        return read
      }
      const { allowed, retryMs } = await limiter({ store, now, ...rate }).take(owner)
      if (allowed) admissions.push({ owner, at: read })
      longestMs = Math.max(longestMs, retryMs)
    }
    const until = performance.now() + forMs
    do await Promise.all(Array.from({ length: count }, take))
    while (performance.now() < until)
    console.log(JSON.stringify({ admissions, longestMs }))
  }
  await store.close()
}

if (import.meta.main) {
  const [, , url = '', rate = ''] = process.argv
  await answerLines(url, JSON.parse(rate))
}

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OTHER_CORE, type Subject } from './parts.ts'
import { cpuMicroseconds, rssMegabytes } from './proc.ts'

/** What one round of load gave. */
export interface Round {
  /** Requests a second. */
  readonly rate: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Microseconds of CPU per request, all threads. */
  readonly cpu: number
  /** Megabytes at the round's end. */
  readonly rss: number
  readonly failed: number
}

interface Load {
  directory: string
  authorization: string
  connections: number
  seconds: number
}

/** A small chat request, 400 bytes. */
const BODY = JSON.stringify({ model: 'bench', messages: [{ role: 'user', content: 'x'.repeat(340) }] }).padEnd(400)

/** Loads a subject with wrk: one thread, a closed loop of small chats. */
export async function load(subject: Subject, { directory, authorization, connections, seconds }: Load): Promise<Round> {
  const script = join(directory, 'chat.lua')
  writeFileSync(script, luaScript(authorization))
  const before = cpuMicroseconds(subject.pid)
  const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', script]
  const wrk = Bun.spawn(['taskset', '-c', OTHER_CORE, 'wrk', ...options, `${subject.url}/v1/chat/completions`])
  const text = await new Response(wrk.stdout).text()
  const cpu = cpuMicroseconds(subject.pid) - before
  const requests = Number(/(\d+) requests in/.exec(text)?.[1])
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0)
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)
  return {
    rate: Number(/Requests\/sec: +([\d.]+)/.exec(text)?.[1]),
    p50: milliseconds(/50% +([\d.]+)(us|ms|s)/.exec(text)),
    p99: milliseconds(/99% +([\d.]+)(us|ms|s)/.exec(text)),
    cpu: cpu / requests,
    rss: rssMegabytes(subject.pid),
    failed: bad + (errors?.slice(1).reduce((sum, count) => sum + Number(count), 0) ?? 0),
  }
}

function milliseconds(match: RegExpExecArray | null): number {
  const scale = { us: 0.001, ms: 1, s: 1000 }[match?.[2] ?? ''] ?? Number.NaN
  return Number(match?.[1]) * scale
}

function luaScript(authorization: string): string {
  return `
wrk.method = "POST"
wrk.body = ${JSON.stringify(BODY)}
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "${authorization}"
`
}

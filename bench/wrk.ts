import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OTHER_CORE, type Subject } from './parts.ts'
import { cpuMicroseconds, rssMegabytes } from './proc.ts'

/** What one round of load gave. */
export interface Round {
  readonly requests: number
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
  /** Of one caller, or of several who ask in turn. */
  authorization: string | readonly string[]
  connections: number
  seconds: number
  /** Where wrk runs. */
  core?: string
  /** Whether each body claims a seal of its own. */
  isSealed?: boolean
}

/** A small chat request, 400 bytes. */
export const BODY = JSON.stringify({ model: 'bench', messages: [{ role: 'user', content: 'x'.repeat(340) }] }).padEnd(
  400,
)

/** Loads a subject with wrk: one thread, a closed loop of small chats. */
export async function load(
  subject: Subject,
  { directory, authorization, connections, seconds, core = OTHER_CORE, isSealed = false }: Load,
): Promise<Round> {
  const script = join(directory, 'chat.lua')
  writeFileSync(script, luaScript([authorization].flat(), isSealed))
  const cpuNow = () => (subject.pid > 0 ? cpuMicroseconds(subject.pid) : Number.NaN)
  const before = cpuNow()
  const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '--latency', '-s', script]
  const wrk = Bun.spawn(['taskset', '-c', core, 'wrk', ...options, `${subject.url}/v1/chat/completions`])
  const text = await new Response(wrk.stdout).text()
  const cpu = cpuNow() - before
  const requests = Number(/(\d+) requests in/.exec(text)?.[1])
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0)
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)
  return {
    requests,
    rate: Number(/Requests\/sec: +([\d.]+)/.exec(text)?.[1]),
    p50: milliseconds(/50% +([\d.]+)(us|ms|s)/.exec(text)),
    p99: milliseconds(/99% +([\d.]+)(us|ms|s)/.exec(text)),
    cpu: cpu / requests,
    rss: subject.pid > 0 ? rssMegabytes(subject.pid) : Number.NaN,
    failed: bad + (errors?.slice(1).reduce((sum, count) => sum + Number(count), 0) ?? 0),
  }
}

function milliseconds(match: RegExpExecArray | null): number {
  const scale = { us: 0.001, ms: 1, s: 1000 }[match?.[2] ?? ''] ?? Number.NaN
  return Number(match?.[1]) * scale
}

function luaScript(authorizations: readonly string[], isSealed: boolean): string {
  // To make each request anew costs wrk time: for one caller it makes it once.
  const inTurn = `
local callers, at = { ${authorizations.map(each => `"${each}"`).join(', ')} }, 0
request = function()
  at = at % #callers + 1
  wrk.headers["Authorization"] = callers[at]
  return wrk.format()
end`
  // A frame of as many bytes as it says, under a key that came never before.
  const sealed = `
math.randomseed(os.time() * 1000 + os.clock() * 1e6)
wrk.body = "\\0\\0\\1\\140" .. string.rep("x", 396)
request = function()
  local key = {}
  for at = 1, 8 do key[at] = string.format("%08x", math.random(0, 0x7fffffff)) end
  wrk.headers["Ehbp-Encapsulated-Key"] = table.concat(key)
  return wrk.format()
end`
  return `
wrk.method = "POST"
wrk.body = ${JSON.stringify(BODY)}
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "${authorizations[0]}"
${authorizations.length > 1 ? inTurn : ''}${isSealed ? sealed : ''}
`
}

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { quantile } from './figures.ts'
import { OTHER_CORE, type Subject } from './parts.ts'
import { BODY } from './wrk.ts'

/** What came of requests that were sent by the clock, whether those before had been answered or not. */
export interface Paced {
  /** Requests a second that were answered. */
  readonly rate: number
  /** Microseconds. */
  readonly p50: number
  readonly p99: number
  readonly failed: number
}

interface Pace {
  readonly directory: string
  readonly authorization: string
  /** Requests a second, all connections together. */
  readonly rate: number
  readonly connections: number
  readonly seconds: number
}

/** Sends small chats at a steady rate with h2load, and reads each one's time from its log. */
export async function paced(
  subject: Subject,
  { directory, authorization, rate, connections, seconds }: Pace,
): Promise<Paced> {
  const [body, log] = [join(directory, 'chat.json'), join(directory, 'h2load.log')]
  writeFileSync(body, BODY)
  writeFileSync(log, '')
  const how = ['--h1', '-t1', `-c${connections}`, `-D${seconds}`, '--warm-up-time=1', `--rps=${rate / connections}`]
  const what = ['-d', body, `--log-file=${log}`, '-H', 'content-type: application/json']
  const headers = ['-H', `authorization: ${authorization}`]
  const command = ['taskset', '-c', OTHER_CORE, 'h2load', ...how, ...what, ...headers]
  const h2load = Bun.spawn([...command, `${subject.url}/v1/chat/completions`], { stdout: 'ignore' })
  if ((await h2load.exited) !== 0) throw new Error(`h2load failed against ${subject.name}`)
  // Each line: when it began, its status, and its microseconds, with tabs between.
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n')
  const answers = lines.map(line => line.split('\t').map(Number))
  const took = answers.map(([, , microseconds = Number.NaN]) => microseconds)
  return {
    rate: answers.length / seconds,
    p50: quantile(took, 0.5),
    p99: quantile(took, 0.99),
    failed: answers.filter(([, status]) => status !== 200).length,
  }
}

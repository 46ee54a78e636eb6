// bun bench/callers.ts [rounds]: a small chat of a JWT caller, a session and an API key, at one gateway, in rounds that take turns.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stage } from './parts.ts'
import { load } from './wrk.ts'

const ROUNDS = Number(Bun.argv[2] ?? 30)

/** Posts JSON to a gateway. */
async function post(url: string, body: object, authorization?: string): Promise<Record<string, string>> {
  const headers = { 'content-type': 'application/json', ...(authorization && { authorization }) }
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  return Object(await answer.json())
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const directory = mkdtempSync(join(tmpdir(), 'sealgate-callers-'))
const on = await stage()
try {
  // Dev mode for its sign-in; all else is as governed.
  const gateway = await on.sealgate(await on.answering(7651), 7652, { DEV_MODE: 'true' })
  const { session_token } = await post(`${gateway.url}/v1/auth/mock-login`, { email: 'ada@bench.example' })
  const session = `Bearer ${session_token}`
  const { key } = await post(`${gateway.url}/v1/users/me/keys`, { name: 'bench' }, session)
  const callers = { JWT: on.authorization, session, 'API key': `Bearer ${key}` }
  const found = Object.entries(callers).map(([name, authorization]) => ({ name, authorization, cpu: [] as number[] }))
  const options = { directory, connections: 32, seconds: 1 }
  for (const { authorization } of found) await load(gateway, { ...options, authorization })
  for (let round = 0; round < ROUNDS; round++)
    for (const { authorization, cpu } of found) {
      const { cpu: cost, failed } = await load(gateway, { ...options, authorization })
      if (failed > 0) throw new Error(`${failed} requests failed`)
      cpu.push(cost)
    }
  process.stdout.write(`${ROUNDS} rounds of a second each, 32 connections\n\n`)
  process.stdout.write('| caller | CPU µs/request | lowest–highest | beside JWT |\n| --- | --- | --- | --- |\n')
  for (const { name, cpu } of found) {
    const beside = median(cpu.map((cost, round) => (100 * cost) / (found[0]?.cpu[round] ?? Number.NaN) - 100))
    const range = `${Math.min(...cpu).toFixed(0)}–${Math.max(...cpu).toFixed(0)}`
    process.stdout.write(`| ${name} | ${median(cpu).toFixed(0)} | ${range} | ${beside.toFixed(1)} % |\n`)
  }
} finally {
  await on.stop()
  rmSync(directory, { recursive: true })
}

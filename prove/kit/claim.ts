import { rmSync } from 'node:fs'
import { compile } from '../../release/compile.ts'
import { devIssuer } from '../../src/dev/issuer.ts'
import { type Running, start } from '../../test/kit/binary.ts'
import { freshDirectory } from '../../test/kit/directory.ts'

/** One figure of a claim, and whether it is within its bound. */
export interface Figure {
  /** What was measured, `memory grown by`. */
  readonly what: string
  /** The figure with its unit, and its limit where it has one. */
  readonly is: string
  readonly holds: boolean
}

/** A started gateway. */
export interface Gateway extends Running {
  readonly url: string
}

/** What a claim may use; all of it is gone when the claim is decided. */
export interface Ground {
  /** An empty directory, in which the gateways run. */
  readonly directory: string
  /** Starts the compiled executable in front of an upstream, its environment nothing but this. No limits unless set. */
  gateway(upstream: string, env?: Record<string, string>): Promise<Gateway>
  /** An `Authorization` header for a caller of that name, with that scope. */
  bearer(subject?: string, scope?: string): Promise<{ authorization: string }>
  /** Something of one's own to be stopped in the end. */
  also<T extends { stop(): unknown }>(part: T): T
}

interface Claim {
  /** The file's name. */
  readonly name: string
  /** A sentence that is true or false. */
  readonly says: string
  /** Given up after so many seconds. */
  readonly withinSeconds: number
}

/** Whose tokens gateways take, and for whom. */
export const ISSUER = 'https://issuer.example'
export const AUDIENCE = 'sealgate-prove'

/** Puts a claim to the proof: prints it with its figures and the command that gives them, and ends the process. */
export async function claim({ name, says, withinSeconds }: Claim, prove: (ground: Ground) => Promise<Figure[]>) {
  console.log(`${name}: ${says}`)
  const { ground, clear } = await lay()
  const late = Bun.sleep(withinSeconds * 1000).then(() => {
    throw new Error(`not decided within ${withinSeconds} s`)
  })
  const figures = await Promise.race([prove(ground), late]).catch((error: unknown): Figure[] => {
    console.error(error)
    return [{ what: 'no figure', is: error instanceof Error ? error.message : String(error), holds: false }]
  })
  await clear()
  for (const { what, is, holds } of figures)
    console.log(`${holds ? 'claim' : 'FAILED'} ${name}: ${what} ${is} — bun run prove ${name}`)
  process.exit(figures.every(({ holds }) => holds) ? 0 : 1)
}

async function lay() {
  const directory = freshDirectory()
  const issuer = await devIssuer()
  const started: Running[] = []
  const parts: { stop(): unknown }[] = [issuer]
  const executable = await compile({ directory, commit: 'unknown' })
  const ground: Ground = {
    directory,
    gateway: async (upstream, env = {}) => {
      const running = start(executable, {
        cwd: directory,
        env: {
          HOST: '127.0.0.1',
          PORT: '0',
          ...(env['PATRONI_URLS'] === undefined && { DATABASE_URL: 'sqlite::memory:' }),
          RATE_LIMIT_RPM: '0',
          CONCURRENT_LIMIT: '0',
          MAX_IN_FLIGHT: '1000000',
          ALLOW_PLAINTEXT: 'true',
          TINFOIL_API_KEY: 'tk-prove',
          TINFOIL_BASE_URL: upstream,
          JWKS_URL: issuer.jwksUrl,
          ISSUER,
          AUDIENCES: AUDIENCE,
          ...env,
        },
      })
      started.push(running)
      const url = `http://127.0.0.1:${await portOf(running)}`
      await ready(url)
      return { ...running, url }
    },
    bearer: async (subject = 'ada', scope = 'inference') => ({
      authorization: `Bearer ${await issuer.token({ issuer: ISSUER, audience: AUDIENCE, subject, scope })}`,
    }),
    also: part => {
      parts.push(part)
      return part
    },
  }
  return {
    ground,
    clear: async () => {
      for (const part of parts) await part.stop()
      for (const running of started) running.signal('SIGKILL')
      await Promise.all(started.map(({ exited }) => exited))
      rmSync(directory, { recursive: true })
    },
  }
}

async function portOf(running: Running): Promise<number> {
  const [, port] = await running.says(/listening port=(\d+)/)
  return Number(port)
}

/** Waits until a gateway has its keys. */
async function ready(url: string): Promise<void> {
  while ((await fetch(`${url}/readyz`)).status !== 200) await Bun.sleep(5)
}

const MIB = 1024 * 1024

/** Bytes as MB of 2^20, for people. */
export function megabytes(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MB`
}

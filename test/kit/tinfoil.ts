import { fileURLToPath } from 'node:url'

/** Which client of npm `tinfoil` a process holds, and how it is set up. */
export interface Job {
  readonly kind: 'unverified' | 'secure' | 'ai'
  readonly options: {
    readonly baseURL: string
    readonly keyOrigin?: string
    readonly attestationBundleURL?: string
    readonly bearerToken?: string
    readonly maxRetries?: number
  }
  /** `replaced`: attestation is not verified, the bundle's key is taken on trust. */
  readonly verifier?: 'replaced'
}

/** What to do with the client, and with what. */
export type Order = readonly [act: 'ready' | 'fetch' | 'chat' | 'stream' | 'models', ...words: unknown[]]

/** What came of an order. */
export interface Outcome {
  readonly value?: unknown
  readonly error?: { readonly kind: string; readonly message: string; readonly status?: number }
}

/**
 * A client of npm `tinfoil` in a process of its own: it asks by the global `fetch` alone, and what that trusts is settled
 * when a process starts.
 * @param roots File with the certificates it trusts besides the usual ones.
 */
export function tinfoilClient(job: Job, roots: string) {
  const script = fileURLToPath(import.meta.resolve('./tinfoil-client.ts'))
  const child = Bun.spawn([process.execPath, '--no-env-file', script, JSON.stringify(job)], {
    env: { PATH: process.env['PATH'], NODE_EXTRA_CA_CERTS: roots },
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader()
  let held = ''

  async function nextLine(): Promise<string> {
    for (;;) {
      const end = held.indexOf('\n')
      if (end >= 0) {
        const line = held.slice(0, end)
        held = held.slice(end + 1)
        return line
      }
      const { done, value } = await reader.read()
      if (done) throw new Error(`the client's process ended: ${await child.stderr.text()}`)
      held += value
    }
  }

  return {
    ask: async (...order: Order): Promise<Outcome> => {
      child.stdin.write(`${JSON.stringify(order)}\n`)
      await child.stdin.flush()
      return JSON.parse(await nextLine())
    },
    stop: async () => {
      child.kill()
      await child.exited
    },
  }
}

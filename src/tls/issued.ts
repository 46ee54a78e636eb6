import { Problem } from '../protocol/problem.ts'
import type { Agent } from '../tee/agent.ts'
import { pairOf, TlsFault } from './pair.ts'
import type { Source } from './source.ts'

interface Deps {
  readonly agent: Pick<Agent, 'tlsKey'>
  /** The host that clients know the gateway by. */
  readonly host: string
  readonly now: () => number
}

const NAMES = { key: "the guest agent's key for TLS", chain: "the guest agent's certificate" }
// The rest is for an agent that does not answer.
const RENEWED_AT = 2 / 3

/** A fresh key of the guest agent's, and a certificate by its authority; renewed when two thirds of what it had left are over. */
export function pairIssued({ agent, host, now }: Deps): Source {
  return {
    load: async () => {
      const { key, chain } = await agent.tlsKey(host, [host]).catch(refused)
      return { ...pairOf({ key, chain: chain.join('\n') }, NAMES, now()), stamp: '' }
    },
    isDue: ({ takenAt, to }) => now() >= takenAt + (to - takenAt) * RENEWED_AT,
    stamp: () => '',
  }
}

function refused(cause: unknown): never {
  const why = cause instanceof Problem ? cause.message : 'The guest agent of this TEE failed.'
  throw new TlsFault('agent', `TLS is dstack, and no key for it can be had. ${why}`, { cause })
}

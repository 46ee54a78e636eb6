import { Problem } from '../protocol/problem.ts'
import type { Agent } from './agent.ts'
import { TeeFault } from './find.ts'

// One key, one role, an epoch. A path alone tells keys apart: dstack derives by nothing else, and never renews one.
const ROOT = 'sealgate/data/v1'
const RECEIPTS = { ed25519: 'sealgate/receipt/ed25519/v1', ecdsa: 'sealgate/receipt/secp256k1/v1' } as const

/** What a guest agent gives in place of `DATA_KEY` and of what derives from it. */
export interface AgentKeys {
  /** The root of every key at rest, 32 bytes. */
  readonly root: Uint8Array
  /** The private keys of receipts, 32 bytes each. */
  readonly receipts: Readonly<Record<keyof typeof RECEIPTS, Uint8Array>>
}

/** The keys that only this application gets, the same at every start. @throws TeeFault */
export async function agentKeys(agent: Agent): Promise<AgentKeys> {
  const [root, ed25519, ecdsa] = await Promise.all([
    rootKey(agent),
    keyAt(agent, RECEIPTS.ed25519),
    keyAt(agent, RECEIPTS.ecdsa),
  ])
  return { root, receipts: { ed25519, ecdsa } }
}

/** The root of every key at rest, 32 bytes. @throws TeeFault */
export function rootKey(agent: Agent): Promise<Uint8Array> {
  return keyAt(agent, ROOT)
}

async function keyAt(agent: Agent, path: string): Promise<Uint8Array> {
  try {
    return await agent.key(path)
  } catch (cause) {
    if (!(cause instanceof Problem)) throw cause
    throw new TeeFault(`${cause.message} Without its keys nothing starts: look at it, and start again.`, {
      cause,
    })
  }
}

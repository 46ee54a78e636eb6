import type { Agent } from './agent.ts'

export type { IdentitySource, KeySource } from '../protocol/secret.ts'

/** The TEE that this gateway was told it runs in. That it says so proves nothing: only its quotes do. */
export interface Tee {
  readonly mode: 'dstack' | 'simulated'
  readonly agent: Agent
}

import type { Agent } from './agent.ts'

/** The TEE that this gateway was told it runs in. That it says so proves nothing: only its quotes do. */
export interface Tee {
  readonly mode: 'dstack' | 'simulated'
  readonly agent: Agent
}

/** Where the root of every key at rest comes from: whoever reads a statement learns who else could have it. */
export type KeySource = 'dstack' | 'DATA_KEY' | 'file' | 'memory'

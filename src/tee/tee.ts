import type { Agent } from './agent.ts'

/** The TEE that this gateway was told it runs in. That it says so proves nothing: only its quotes do. */
export interface Tee {
  readonly mode: 'dstack' | 'simulated'
  readonly agent: Agent
}

/** Where the root of the gateway's keys comes from: its TEE, a setting, a file beside the database, or nowhere but memory. */
export type KeySource = 'dstack' | 'DATA_KEY' | 'file' | 'memory'

import { bytesOf } from './protocol/secret.ts'
import type { Config } from './settings.ts'
import type { Keys } from './store/keys.ts'
import { openStore } from './store/open.ts'
import type { Store } from './store/store.ts'
import type { Agent } from './tee/agent.ts'
import { findTee, type Search } from './tee/find.ts'
import { agentKeys } from './tee/keys.ts'
import { type SigningKeys, signingKeys } from './tee/signing.ts'
import type { IdentitySource, KeySource, Tee } from './tee/tee.ts'

/** The database, and all that hangs on the root. */
export interface Opened {
  readonly store: Store
  readonly keys: Keys
  readonly keySource: KeySource
  readonly identitySource: IdentitySource
  readonly signing: SigningKeys
}

/** The TEE that the settings tell of. @throws TeeFault */
export function teeOf(
  { TEE: mode, DSTACK_SIMULATOR_ENDPOINT: simulator }: Pick<Config, 'TEE' | 'DSTACK_SIMULATOR_ENDPOINT'>,
  at: Pick<Search, 'sockets' | 'log'>,
): Promise<Tee | undefined> {
  return findTee({ mode, simulator, standIn, ...at })
}

/** An agent of this process alone: what it derives is gone with it. */
const standIn = async () => (await import('./dev/agent.ts')).standInAgent({ seed: crypto.randomUUID() }).reach

/** The agent whose keys are taken where none is given: not dev mode's own, for what that gives is gone with it. */
export function keeper(
  { DSTACK_SIMULATOR_ENDPOINT: simulator }: Pick<Config, 'DSTACK_SIMULATOR_ENDPOINT'>,
  tee: Tee | undefined,
): Agent | undefined {
  return tee?.mode === 'dstack' || simulator !== undefined ? tee?.agent : undefined
}

/** Opens the database with the key that is given, else the TEE's. @throws StoreFault, KeyFault or TeeFault */
export async function opened(config: Config, tee: Tee | undefined): Promise<Opened> {
  const dataKey = bytesOf(config.DATA_KEY)
  const agent = dataKey ? undefined : keeper(config, tee)
  const given = agent && (await agentKeys(agent))
  const identityKey = bytesOf(config.IDENTITY_HASH_KEY)
  const open = await openStore({ url: config.DATABASE_URL, dataKey, agentKey: given?.root, identityKey })
  return { ...open, signing: signingKeys(given?.receipts ?? open.keys) }
}

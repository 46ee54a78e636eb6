import { readFileSync } from 'node:fs'
import { clusterUrlsOf, type DatabaseSettings, databaseTlsOf, databaseUrlOf } from './config/database.ts'
import { faultOf, type Log } from './protocol/log.ts'
import { bytesOf } from './protocol/secret.ts'
import type { Config } from './settings.ts'
import type { Cluster } from './store/following.ts'
import type { Keys } from './store/keys.ts'
import { openStore } from './store/open.ts'
import type { PostgresOptions } from './store/postgres.ts'
import { type Store, StoreFault } from './store/store.ts'
import type { Agent } from './tee/agent.ts'
import { findTee, type Search } from './tee/find.ts'
import { agentKeys } from './tee/keys.ts'
import { type SigningKeys, signingKeys } from './tee/signing.ts'
import type { IdentitySource, KeySource, Tee } from './tee/tee.ts'
import { calls } from './upstream/call.ts'
import { claimsBy } from './upstream/cluster.ts'
import type { Roots } from './upstream/roots.ts'

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
export async function opened(config: Config, tee: Tee | undefined, around: Around = {}): Promise<Opened> {
  const dataKey = bytesOf(config.DATA_KEY)
  const agent = dataKey ? undefined : keeper(config, tee)
  const given = agent && (await agentKeys(agent))
  const identityKey = bytesOf(config.IDENTITY_HASH_KEY)
  const postgres = { ...postgresOf(config, around), connections: config.DATABASE_MAX_CONNECTIONS }
  const url = databaseUrlOf(config)
  const open = await openStore({ url, dataKey, agentKey: given?.root, identityKey, postgres })
  return { ...open, signing: signingKeys(given?.receipts ?? open.keys) }
}

/** What the members of a cluster are asked by, and told. */
interface Around {
  readonly told?: Cluster['told']
  readonly roots?: Roots | undefined
}

/** Where PostgreSQL is, if that changes, and whom it must show itself to be. @throws StoreFault */
export function postgresOf(config: DatabaseSettings, { told, roots }: Around): PostgresOptions {
  const [urls, path] = [clusterUrlsOf(config), config.DATABASE_CA_FILE]
  const refreshMs = config.DATABASE_REFRESH_INTERVAL * 1000
  return {
    tls: databaseTlsOf(config) !== 'verify-full' ? 'off' : path === undefined ? {} : { ca: authorities(path) },
    cluster: urls && { claims: claimsBy(urls, calls({ roots }).call), refreshMs, told },
  }
}

/** What a cluster has to say, as lines of the log. */
export function clusterNews(log: Log): NonNullable<Cluster['told']> {
  return news => {
    if (news.kind === 'failed')
      log('error', 'cluster_failed', { ...(news.code && { cluster: news.code }), fault: faultOf(news.cause) })
    else log('info', news.kind === 'found' ? 'primary_found' : 'primary_changed', { timeline: news.timeline })
  }
}

function authorities(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new StoreFault('DATABASE_CA_FILE names a file that cannot be read.', { cause })
  }
  // Of an empty one the driver would make all public authorities.
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw new StoreFault('DATABASE_CA_FILE names a file without a certificate in PEM.')
  return text
}

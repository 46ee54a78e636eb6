import { isOnThisMachine, POSTGRES_PORT, postgresAddress, postgresUrl } from '../protocol/database-url.ts'
import type { Config } from '../settings.ts'

/** The settings that say which database it is; a subcommand that opens it reads all of them. */
export const DATABASE_SETTINGS = [
  'DATABASE_URL',
  'DATABASE_HOST',
  'DATABASE_PORT',
  'DATABASE_NAME',
  'DATABASE_USER',
  'DATABASE_PASSWORD',
  'DATABASE_TLS',
  'DATABASE_CA_FILE',
  'PATRONI_URLS',
  'DATABASE_PRIMARY_APP_ID',
  'GATEWAY_SUBDOMAIN',
  'DATABASE_REFRESH_INTERVAL',
] as const

/** What is said of the database. */
export type DatabaseSettings = Pick<Config, (typeof DATABASE_SETTINGS)[number]>

// It has no address (RFC 6761): whoever goes by it without asking the cluster gets nowhere.
const ANY_MEMBER = 'primary.invalid'

/** Where a cluster is asked which of its members is the primary; `undefined` where the database is named. */
export function clusterUrlsOf(config: DatabaseSettings): readonly string[] | undefined {
  const { PATRONI_URLS: urls, DATABASE_PRIMARY_APP_ID: app, GATEWAY_SUBDOMAIN: domain } = config
  if (urls !== undefined) return urls.map(url => (url.endsWith(PATH) ? url : `${url}${PATH}`))
  return app === undefined || domain === undefined ? undefined : [`https://${app}-8008.${domain}${PATH}`]
}

const PATH = '/cluster'

/** The URL of the database, put together where its parts are given in its place; of a cluster it has no host to go by. */
export function databaseUrlOf(config: DatabaseSettings): string {
  const { DATABASE_NAME: database, DATABASE_USER: user, DATABASE_PASSWORD } = config
  const host = clusterUrlsOf(config) ? ANY_MEMBER : config.DATABASE_HOST
  if (host === undefined || database === undefined || user === undefined) return config.DATABASE_URL
  const password = DATABASE_PASSWORD?.reveal() ?? ''
  return postgresUrl({ host, port: config.DATABASE_PORT ?? POSTGRES_PORT, database, user, password })
}

/** Whether PostgreSQL is spoken to by TLS; `undefined` for SQLite. */
export function databaseTlsOf(config: DatabaseSettings): 'off' | 'verify-full' | undefined {
  const address = postgresAddress(databaseUrlOf(config))
  if (!address) return undefined
  // Never off by what a cluster says: it could name this machine, and then whoever listens there.
  return config.DATABASE_TLS ?? (isOnThisMachine(address) ? 'off' : 'verify-full')
}

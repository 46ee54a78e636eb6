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
] as const

/** What is said of the database. */
export type DatabaseSettings = Pick<Config, (typeof DATABASE_SETTINGS)[number]>

/** The URL of the database, put together where its parts are given in its place. */
export function databaseUrlOf(config: DatabaseSettings): string {
  const { DATABASE_HOST: host, DATABASE_NAME: database, DATABASE_USER: user, DATABASE_PASSWORD } = config
  if (host === undefined || database === undefined || user === undefined) return config.DATABASE_URL
  const password = DATABASE_PASSWORD?.reveal() ?? ''
  return postgresUrl({ host, port: config.DATABASE_PORT ?? POSTGRES_PORT, database, user, password })
}

/** Whether PostgreSQL is spoken to by TLS; `undefined` for SQLite. */
export function databaseTlsOf(config: DatabaseSettings): 'off' | 'verify-full' | undefined {
  const address = postgresAddress(databaseUrlOf(config))
  if (!address) return undefined
  return config.DATABASE_TLS ?? (isOnThisMachine(address) ? 'off' : 'verify-full')
}

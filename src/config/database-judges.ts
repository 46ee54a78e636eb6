import { isOnThisMachine, isSocket, type PostgresAddress, postgresAddress } from '../protocol/database-url.ts'
import type { Config, Key } from '../settings.ts'
import { type DatabaseSettings, databaseTlsOf, databaseUrlOf } from './database.ts'
import { isGiven, type Reading } from './reading.ts'

const PARTS = ['DATABASE_HOST', 'DATABASE_PORT', 'DATABASE_NAME', 'DATABASE_USER', 'DATABASE_PASSWORD'] as const
const NEEDED = ['DATABASE_HOST', 'DATABASE_NAME', 'DATABASE_USER'] as const
const POSTGRES_ONLY = ['DATABASE_TLS', 'DATABASE_CA_FILE', 'DATABASE_MAX_CONNECTIONS'] as const
// What libpq takes in a URL to the same end, and weaker: with `sslmode=require` any certificate will do.
const OF_TLS = /^(ssl|tls|gssenc|channel_binding)/i

/** What is wrong with the settings of the database, and what is risky about them. */
export function judgeDatabase(config: Partial<Config>, reading: Reading): void {
  // A subcommand may need no database.
  if (!reading.keys.has('DATABASE_URL') || !areWhole(config, reading)) return
  const settings = config as DatabaseSettings
  const address = postgresAddress(databaseUrlOf(settings) ?? '')
  if (address) {
    judgePostgres(config, address, reading)
    judgeTls(databaseTlsOf(settings) === 'off', address, reading)
  } else if (settings.DATABASE_URL !== undefined) {
    judgeSqlite(reading)
  }
}

function judgePostgres({ TEE }: Partial<Config>, { password, parameters }: PostgresAddress, reading: Reading): void {
  const { faults, warnings } = reading
  if (reading.keys.has('DATA_KEY') && !isGiven('DATA_KEY', reading) && !mayHaveAgent(TEE, reading)) {
    faults.push('DATA_KEY is required with PostgreSQL: make one with `openssl rand -hex 32`, and keep a copy')
  }
  if (reading.flags.has('DATABASE_URL') && password) {
    warnings.push('--database-url shows a password to whoever lists processes: use DATABASE_URL')
  }
  for (const name of Object.keys(parameters))
    if (OF_TLS.test(name)) faults.push(`DATABASE_URL: ${name} in it is not heeded: drop it, for DATABASE_TLS decides`)
}

function judgeTls(isOff: boolean, address: PostgresAddress, reading: Reading): void {
  const { faults, warnings } = reading
  if (isSocket(address) && !isOff)
    faults.push('DATABASE_TLS: PostgreSQL speaks no TLS over a socket: drop it, or name a host that listens')
  if (isOff && isGiven('DATABASE_CA_FILE', reading))
    faults.push('DATABASE_CA_FILE means nothing without TLS: set DATABASE_TLS=verify-full, or drop it')
  if (isOff && !isOnThisMachine(address))
    warnings.push('DATABASE_TLS is off: whoever sits on the way to the database can read and change what is kept')
}

/** Whether the parts that stand for a URL are all there and understood, or none of them is given. */
function areWhole(config: Partial<Config>, reading: Reading): boolean {
  const given = PARTS.filter(name => isGiven(name, reading))
  if (given.length === 0) return true
  const missing = NEEDED.filter(name => !isGiven(name, reading))
  const isTwice = isGiven('DATABASE_URL', reading)
  if (isTwice) reading.faults.push(`DATABASE_URL and ${listed(given)} are given, which say the same: drop either`)
  else if (missing.length > 0)
    reading.faults.push(`${listed(given)} cannot do without ${listed(missing)}: give all of them, or DATABASE_URL`)
  return !isTwice && NEEDED.every(name => config[name] !== undefined)
}

function judgeSqlite(reading: Reading): void {
  const given = POSTGRES_ONLY.filter(name => isGiven(name, reading))
  if (given.length > 0)
    reading.warnings.push(`With SQLite nothing comes of ${listed(given)}: drop it, or use PostgreSQL`)
}

/** Whether a guest agent may give the key: with `auto` only the start can tell. */
function mayHaveAgent(TEE: Config['TEE'] | undefined, reading: Reading): boolean {
  return TEE === 'dstack' || TEE === 'auto' || (reading.dev && isGiven('DSTACK_SIMULATOR_ENDPOINT', reading))
}

const listed = (names: readonly Key[]): string => new Intl.ListFormat('en').format(names)

import { isOnThisMachine, isSocket, type PostgresAddress, postgresAddress } from '../protocol/database-url.ts'
import { quoted, travelsInTheClear } from '../protocol/kinds.ts'
import type { Config, Key } from '../settings.ts'
import { clusterUrlsOf, type DatabaseSettings, databaseTlsOf, databaseUrlOf } from './database.ts'
import { isGiven, type Reading } from './reading.ts'

const APPLICATION = ['DATABASE_PRIMARY_APP_ID', 'GATEWAY_SUBDOMAIN'] as const
const CLUSTER = ['PATRONI_URLS', ...APPLICATION] as const
const PARTS = ['DATABASE_HOST', 'DATABASE_PORT', 'DATABASE_NAME', 'DATABASE_USER', 'DATABASE_PASSWORD'] as const
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
    const isOff = databaseTlsOf(settings) === 'off'
    judgeTls(isOff, address, reading)
    judgeCluster(clusterUrlsOf(settings) ?? [], isOff, reading)
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
  const given = [...PARTS, ...CLUSTER].filter(name => isGiven(name, reading))
  if (given.length === 0) return true
  const cluster = CLUSTER.filter(name => isGiven(name, reading))
  const needed = neededWith(cluster)
  const missing = needed.filter(name => !isGiven(name, reading))
  const twice = saidTwice(given, cluster, reading)
  if (twice !== undefined) reading.faults.push(`${twice} are given, which say the same: drop either`)
  else if (missing.length > 0)
    reading.faults.push(`${listed(given)} cannot do without ${listed(missing)}: give all of them, or DATABASE_URL`)
  return twice === undefined && needed.every(name => config[name] !== undefined)
}

/** What says in two ways where the database is. */
function saidTwice(given: readonly Key[], cluster: readonly Key[], reading: Reading): string | undefined {
  const [first = '', ...rest] = cluster
  if (isGiven('DATABASE_URL', reading)) return `DATABASE_URL and ${listed(given)}`
  if (cluster.length > 0 && given.includes('DATABASE_HOST')) return `DATABASE_HOST and ${listed(cluster)}`
  return first === 'PATRONI_URLS' && rest.length > 0 ? `${first} and ${listed(rest)}` : undefined
}

function neededWith(cluster: readonly Key[]): readonly Key[] {
  const whom = ['DATABASE_NAME', 'DATABASE_USER'] as const
  if (cluster.includes('PATRONI_URLS')) return whom
  return [...(cluster.length > 0 ? APPLICATION : (['DATABASE_HOST'] as const)), ...whom]
}

/** Whoever answers for Patroni chooses who is shown the password, of all who have a certificate that is trusted. */
function judgeCluster(urls: readonly string[], isOff: boolean, reading: Reading): void {
  const clear = urls.find(travelsInTheClear)
  if (clear === undefined) return
  const risk = `PATRONI_URLS: ${quoted(clear)} is plain http: whoever sits on the way can say that a server`
  if (isOff || !isGiven('DATABASE_CA_FILE', reading))
    reading.faults.push(`${risk} of theirs is the database. Use https, or name its own authority with DATABASE_CA_FILE`)
  else reading.warnings.push(`${risk} that the authority of DATABASE_CA_FILE certified is the database. Use https`)
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

import { displayedAddress, isSocket, type PostgresAddress } from '../protocol/database-url.ts'
import { StoreFault } from './store.ts'

/** PostgreSQL's SQLSTATE, or what the driver or TLS calls the fault; Drizzle wraps all of them. */
export function reasonCode(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  if (error instanceof Bun.SQL.PostgresError) return error.errno ?? error.code
  return 'code' in error && typeof error.code === 'string' ? error.code : reasonCode(error.cause)
}

/** Whether a fault says that there is no database, or none that takes writes, and not what is wrong with a statement. */
export function isLoss(error: unknown): boolean {
  const code = reasonCode(error)
  return code === READ_ONLY || LOSSES.test(code) || !/^[\dA-Z]{5}$/.test(code)
}

const READ_ONLY = '25006'
// Connections, the server's own resources, whoever ends it, its disk (PostgreSQL, appendix A).
const LOSSES = /^(08|53|57P|58)/

/** Why a database cannot be used, in one line without a secret, and what to do about it. */
export async function unusable(address: PostgresAddress, cause: unknown): Promise<StoreFault> {
  const [why, way = WAY] = (await nowhere(address, cause)) ??
    REASONS[reasonCode(cause)] ?? [`error ${reasonCode(cause)}`]
  return new StoreFault(`The database ${displayedAddress(address)} cannot be used: ${why}. ${way}`, { cause })
}

/** The driver says the same of a host without an address as of one that refuses. */
async function nowhere(address: PostgresAddress, cause: unknown): Promise<Reason | undefined> {
  if (reasonCode(cause) !== 'ERR_POSTGRES_CONNECTION_REFUSED') return undefined
  if (isSocket(address)) return ['there is no such socket, or nothing answers at it']
  const { lookup } = process.getBuiltinModule('node:dns/promises')
  const isThere = await lookup(address.host).then(
    () => true,
    () => false,
  )
  return isThere ? undefined : ['its host has no address']
}

/** What is wrong, and what to do about it, if that is not to look at its address. */
type Reason = readonly [why: string, way?: string]

const WAY = 'Check DATABASE_URL, or DATABASE_HOST and what goes with it.'
const NOT_TRUSTED: Reason = [
  'its certificate is signed by nobody that is trusted',
  'Give the certificate of its signer as DATABASE_CA_FILE.',
]
const OUT_OF_DATE: Reason = ['its certificate is not in force now', 'Renew it, or set the clock.']

const REASONS: Readonly<Record<string, Reason>> = {
  ERR_POSTGRES_CONNECTION_REFUSED: ['nothing answers there'],
  ERR_POSTGRES_CONNECTION_CLOSED: ['it ended the connection'],
  ERR_POSTGRES_CONNECTION_TIMEOUT: ['it does not answer'],
  ERR_POSTGRES_TLS_NOT_AVAILABLE: [
    'it speaks no TLS',
    'Turn `ssl` on there; DATABASE_TLS=off does without, for a network that nobody else is on.',
  ],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NOT_TRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: NOT_TRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: NOT_TRUSTED,
  CERT_HAS_EXPIRED: OUT_OF_DATE,
  CERT_NOT_YET_VALID: OUT_OF_DATE,
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'its certificate is for another name',
    'Reach it by a name in that, or give it a certificate for this one.',
  ],
  ERR_BORINGSSL: ['there is no certificate to trust', 'Check DATABASE_CA_FILE.'],
  '28000': ['the user may not sign in, at least not from here, or not in this way'],
  '28P01': ['the password is wrong'],
  '3D000': ['there is no such database'],
  '3F000': ['its search path names no schema to write to'],
  '25006': ['it may not be written to'],
  '42501': ['the user may not write to it'],
  '42704': ['it knows no such parameter as one in the URL'],
  '53100': ['the disk is full'],
  '53300': ['it has too many connections', 'Lower DATABASE_MAX_CONNECTIONS, or raise its max_connections.'],
  '57P03': ['it is starting or stopping'],
}

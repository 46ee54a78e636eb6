import { host as hostKind, integer } from './kinds.ts'

/** Why the primary of a cluster is not known. */
export type ClusterFaultCode =
  | 'no_answer'
  | 'malformed'
  | 'no_primary'
  | 'unreachable'
  | 'read_only'
  | 'older_timeline'
  | 'two_primaries'

/** A primary that could not be found; it names no host. */
export class ClusterFault extends Error {
  override readonly name = 'ClusterFault'
  readonly code: ClusterFaultCode

  constructor(code: ClusterFaultCode, options?: ErrorOptions) {
    super(code, options)
    this.code = code
  }
}

/** A server of a cluster. */
export interface Member {
  /** A name, or an IP address without brackets: never the directory of a socket. */
  readonly host: string
  /** None where Patroni was told none. */
  readonly port: number | undefined
}

// Patroni's own word, and what its older releases and the others of its endpoints say. A `standby_leader` takes no write.
const PRIMARY: ReadonlySet<unknown> = new Set(['leader', 'primary', 'master'])
// Of two that claim it one may be right; whoever tells of more tells nonsense, and each would be asked.
const MOST_CLAIMS = 8
// What DNS takes.
const LONGEST_HOST = 253

/**
 * The members that an answer of Patroni's `GET /cluster` calls primary, as far as it says where they are. What else it
 * says is not looked at: only a server itself can tell whether it takes writes. @throws ClusterFault `malformed`
 */
export function claimsIn(body: Uint8Array): readonly Member[] {
  const members = membersIn(body).flatMap(member => claimOf(member) ?? [])
  if (members.length > MOST_CLAIMS) throw new ClusterFault('malformed')
  return members
}

function membersIn(body: Uint8Array): readonly unknown[] {
  let said: unknown
  try {
    said = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (cause) {
    throw new ClusterFault('malformed', { cause })
  }
  if (!isObject(said) || !Array.isArray(said['members'])) throw new ClusterFault('malformed')
  return said['members']
}

function claimOf(member: unknown): Member | undefined {
  if (!isObject(member) || !PRIMARY.has(member['role'])) return undefined
  const [host, port] = [hostOf(member['host']), portOf(member['port'])]
  return host === undefined || port === null ? undefined : { host, port }
}

function hostOf(said: unknown): string | undefined {
  if (typeof said !== 'string' || said.length > LONGEST_HOST) return undefined
  const [, inBrackets] = /^\[([\da-f:.]+)\]$/i.exec(said) ?? []
  // An address with a zone means something on that machine alone.
  return said.includes('%') ? undefined : hostKind.read(inBrackets ?? said)
}

/** `null` where it is none. */
function portOf(said: unknown): number | undefined | null {
  if (said === undefined || said === null) return undefined
  return typeof said === 'number' || typeof said === 'string' ? (PORT.read(String(said)) ?? null) : null
}

const PORT = integer(1, 65_535)

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

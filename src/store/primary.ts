import type { SQL } from 'bun'
import { ClusterFault, type Member } from '../protocol/cluster.ts'
import type { PostgresAddress } from '../protocol/database-url.ts'
import { Unreachable } from './cluster-faults.ts'
import { poolAt, type Session } from './pool.ts'

/** A server that was found to take writes. */
export interface Primary {
  readonly address: PostgresAddress
  /** How often a standby of its cluster was promoted, and one more. */
  readonly timeline: number
}

// Reached or not: the rest of a second is for a server that has just been promoted.
const WITHIN_MS = 3000

// `transaction_read_only` is what the session is to begin with, whoever set it, and on in recovery. A control file tells
// of the timeline only after the checkpoint that ends a promotion; the name of the segment that is written to, at once.
const STANDING = `SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS shut,
  CASE WHEN pg_is_in_recovery() THEN NULL ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END AS timeline`

interface Asking {
  /** As whom, and for which database. */
  readonly as: PostgresAddress
  readonly session: Pick<Session, 'tls' | 'name'>
  /** The one in force. */
  readonly known?: Primary | undefined
}

/**
 * Which of those that are claimed to be primary it is, by their own word. Of two the one of the later timeline, for the
 * other was to step down; of the same, the one in force. Never one of an earlier timeline than that: what was written
 * since is not there. @throws ClusterFault
 */
export async function primaryAmong(claims: readonly Member[], { as, session, known }: Asking): Promise<Primary> {
  const asked = await Promise.allSettled(claims.map(claim => standing(claim, as, session)))
  const found = asked.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  if (found.length === 0) throw worst(asked.flatMap(result => (result.status === 'rejected' ? [result.reason] : [])))
  const timeline = Math.max(...found.map(primary => primary.timeline))
  if (known && timeline < known.timeline) throw new ClusterFault('older_timeline')
  const latest = found.filter(primary => primary.timeline === timeline)
  const [one] = latest
  const chosen = latest.length === 1 ? one : latest.find(primary => known && isSame(primary, known))
  if (!chosen) throw new ClusterFault('two_primaries')
  return chosen
}

/** Whether it is the same server. */
export function isSame({ address: one }: Primary, { address: other }: Primary): boolean {
  return one.host === other.host && one.port === other.port
}

/** Asks by a connection of its own. @throws ClusterFault unless it takes writes */
async function standing({ host, port }: Member, as: PostgresAddress, session: Asking['session']): Promise<Primary> {
  const address = { ...as, host, port: port ?? as.port }
  const client = poolAt(address, { ...session, connections: 1, statementMs: WITHIN_MS })
  try {
    const [row] = await inTime(client.unsafe(STANDING))
    if (row.shut) throw new ClusterFault('read_only')
    return { address, timeline: Number.parseInt(row.timeline, 16) }
  } catch (cause) {
    throw cause instanceof ClusterFault ? cause : new Unreachable(address, cause)
  } finally {
    client.close({ timeout: 0 }).catch(() => undefined)
  }
}

async function inTime<T>(asked: SQL.Query<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error('no answer in time')), WITHIN_MS)
  try {
    return await Promise.race([asked, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** A server that takes no writes says more than one that says nothing. */
function worst(faults: readonly unknown[]): unknown {
  return faults.find(fault => fault instanceof ClusterFault && fault.code === 'read_only') ?? faults[0]
}

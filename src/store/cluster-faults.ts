import { ClusterFault, type ClusterFaultCode } from '../protocol/cluster.ts'
import type { PostgresAddress } from '../protocol/database-url.ts'
import { unusable } from './postgres-faults.ts'
import { StoreFault } from './store.ts'

/** A server that is called primary and cannot be asked whether it is. */
export class Unreachable extends ClusterFault {
  readonly address: PostgresAddress

  constructor(address: PostgresAddress, cause: unknown) {
    super('unreachable', { cause })
    this.address = address
  }
}

/** Why a cluster cannot be used, in one line without a secret, and what to do about it. */
export async function withoutPrimary(cause: unknown): Promise<StoreFault> {
  if (cause instanceof Unreachable) return unusable(cause.address, cause.cause)
  const why = cause instanceof ClusterFault ? REASONS[cause.code] : 'its members could not be asked. Start again'
  return new StoreFault(`The database cluster cannot be used: ${why}.`, { cause })
}

const ADDRESSES = 'check PATRONI_URLS, or DATABASE_PRIMARY_APP_ID and GATEWAY_SUBDOMAIN'

const REASONS: Readonly<Record<ClusterFaultCode, string>> = {
  no_answer: `nobody answers /cluster, at none of its addresses, with status 200: ${ADDRESSES}`,
  malformed: `what is answered at /cluster is not what Patroni answers: ${ADDRESSES}`,
  no_primary: 'none of its members is primary: start again when `patronictl list` shows a leader',
  unreachable: 'its primary cannot be reached',
  read_only: 'the member that it calls primary takes no writes: start again when it was promoted',
  older_timeline: 'its primary has an earlier timeline than the one before',
  two_primaries: 'two of its members take writes on one timeline: stop the one that is not to be primary',
}

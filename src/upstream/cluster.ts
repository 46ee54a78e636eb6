import { ClusterFault, claimsIn, type Member } from '../protocol/cluster.ts'
import type { Call } from './call.ts'

// An answer comes from memory: a member that does not give one is away, or overloaded.
const WITHIN_MS = 3000
// Some 250 bytes a member.
const MOST_BYTES = 256 * 1024
// Who else claims it may be told by another member; one that is away shall not hold the others up.
const GRACE_MS = 500

/**
 * Who claims to be primary, by all members of a cluster that answer: all are asked at once, for each may be away, and one
 * that is cut off tells of what was. @throws ClusterFault
 */
export function claimsBy(urls: readonly string[], call: Call): () => Promise<readonly Member[]> {
  return async () => {
    const told: (readonly Member[])[] = []
    const asked = urls.map(async url => {
      const body = await call({ url, accept: 'application/json', withinMs: WITHIN_MS, maxBytes: MOST_BYTES })
      told.push(claimsIn(body))
    })
    const settled = Promise.allSettled(asked)
    const enough = Promise.withResolvers<void>()
    Promise.any(asked).then(
      () => setTimeout(enough.resolve, GRACE_MS).unref(),
      () => undefined,
    )
    await Promise.race([settled, enough.promise])
    if (told.length === 0) throw await noneOf(settled)
    const claims = distinct(told.flat())
    if (claims.length === 0) throw new ClusterFault('no_primary')
    return claims
  }
}

function distinct(members: readonly Member[]): readonly Member[] {
  return [...new Map(members.map(member => [`${member.port} ${member.host}`, member])).values()]
}

async function noneOf(settled: Promise<readonly PromiseSettledResult<void>[]>): Promise<ClusterFault> {
  const causes = (await settled).flatMap(result => (result.status === 'rejected' ? [result.reason] : []))
  const malformed = causes.find(cause => cause instanceof ClusterFault)
  return malformed ?? new ClusterFault('no_answer', { cause: causes[0] })
}

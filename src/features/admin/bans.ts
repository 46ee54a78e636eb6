import { Elysia } from 'elysia'
import { type access, callerOf } from '../../gate/access.ts'
import type { Ban } from '../../gate/ban-rows.ts'
import type { Bans } from '../../gate/bans.ts'
import type { limited } from '../../gate/limited.ts'
import { banDetail } from '../../protocol/bans-docs.ts'
import type { Exchange } from '../../protocol/exchange.ts'
import { invalidBody, line, nullable, optional, readMembers, words } from '../../protocol/members.ts'
import { MOMENT, momentOf } from '../../protocol/moments.ts'
import { described } from '../../protocol/openapi.ts'
import { paramOf } from '../../protocol/params.ts'
import { isCallersOwner } from '../../protocol/principal.ts'
import { Problem } from '../../protocol/problem.ts'
import type { OwnBody } from '../../upstream/own-body.ts'
import { done, told } from './answers.ts'
import { requireNone } from './query.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  bans: Bans
  ownBody: OwnBody
  now: () => number
}

const GUARD = { access: 'admin', limited: 'caller', parse: 'none' } as const
const PATH = '/v1/admin/owners/:owner/ban'
const GIVEN = { reason: words(1000), until: optional(nullable(line(64))) }
// The last moment that a date of four digits can name.
const LAST = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** Who may ask nothing for a while, or for good. */
export const adminBans = (deps: Deps) => {
  const { access, limited, bans } = deps
  return new Elysia({ name: 'admin-bans' })
    .use(access)
    .use(limited)
    .get(
      PATH,
      async ({ exchange }) => {
        const found = await bans.find(ownerIn(exchange))
        if (!found) throw notBanned()
        return told(shown(found))
      },
      { ...GUARD, detail: described(() => banDetail('GET')) },
    )
    .post(PATH, ({ request, exchange }) => ban(request, exchange, deps), {
      ...GUARD,
      detail: described(() => banDetail('POST')),
    })
    .delete(
      PATH,
      async ({ exchange }) => {
        if (!(await bans.lift(ownerIn(exchange), callerOf(exchange)))) throw notBanned()
        return done()
      },
      { ...GUARD, detail: described(() => banDetail('DELETE')) },
    )
}

async function ban(request: Request, exchange: Exchange, { bans, ownBody, now }: Deps): Promise<Response> {
  const owner = ownerIn(exchange)
  const { reason, until } = await readMembers(await ownBody(request, exchange), GIVEN)
  const by = callerOf(exchange)
  if (owner === by) throw invalidBody('nobody bans themselves: ask another administrator to.')
  return told(shown(await bans.ban({ owner, reason, by, until: until == null ? null : endOf(until, now()) })))
}

function endOf(text: string, at: number): number {
  const end = momentOf(text)
  if (end === undefined || end <= at || end > LAST) throw invalidBody(`"until" must be ${MOMENT}, and still to come.`)
  return end
}

/** @throws Problem `invalid_query` where there is a query, `not_found` where the path names what nobody can be */
function ownerIn(exchange: Exchange): string {
  requireNone(exchange.target.query)
  const owner = paramOf(exchange, 'owner')
  if (!isCallersOwner(owner))
    throw new Problem('not_found', 'That is no owner: "u_" or "j_" and 32 hex digits in small letters are expected.')
  return owner
}

const notBanned = () => new Problem('not_found', 'That owner is not banned.')

const momentIn = (ms: number) => new Date(ms).toISOString()
const shown = ({ owner, reason, until, at, by }: Ban) => ({
  ...{ owner, reason, until: until === null ? null : momentIn(until) },
  ...{ banned_at: momentIn(at), banned_by: by },
})

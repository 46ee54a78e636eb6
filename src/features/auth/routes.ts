import { Elysia } from 'elysia'
import { type access, accountOf } from '../../gate/access.ts'
import type { limited } from '../../gate/limited.ts'
import type { Sessions } from '../../gate/sessions.ts'
import { logoutDetail } from '../../protocol/auth-docs.ts'
import { optional, readMembers, uuid } from '../../protocol/members.ts'
import { described } from '../../protocol/openapi.ts'
import { Problem } from '../../protocol/problem.ts'
import type { OwnBody } from '../../upstream/own-body.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  sessions: Sessions
  ownBody: OwnBody
}

const LOGOUT = { session_id: optional(uuid) }

/** The way out of a session. */
export const auth = ({ access, limited, sessions, ownBody }: Deps) =>
  new Elysia({ name: 'auth' })
    .use(access)
    .use(limited)
    .post(
      '/v1/auth/logout',
      async ({ request, exchange }) => {
        const { user, credential } = accountOf(exchange)
        const { session_id = credential } = await readMembers(await ownBody(request, exchange), LOGOUT)
        if (!(await sessions.end(user, session_id.toLowerCase())))
          throw new Problem('not_found', 'You have no such session.')
        return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } })
      },
      { access: 'account', limited: 'address', parse: 'none', detail: described(() => logoutDetail()) },
    )

import { Elysia } from 'elysia'
import { type access, accountOf } from '../../gate/access.ts'
import type { ApiKey, ApiKeys } from '../../gate/api-keys.ts'
import type { Session } from '../../gate/beginnings.ts'
import type { limited } from '../../gate/limited.ts'
import type { Sessions } from '../../gate/sessions.ts'
import { uuidFrom } from '../../protocol/ids.ts'
import { line, optional, readMembers, whole } from '../../protocol/members.ts'
import { DAY_MS } from '../../protocol/metering.ts'
import { described } from '../../protocol/openapi.ts'
import { Problem } from '../../protocol/problem.ts'
import { keyDetail, keysDetail, sessionDetail, sessionsDetail } from '../../protocol/users-docs.ts'
import type { OwnBody } from '../../upstream/own-body.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  sessions: Sessions
  apiKeys: ApiKeys
  ownBody: OwnBody
  now: () => number
}

// By its address: whoever uses up all that its owner may ask, by a key that leaked, does not keep them from revoking it.
const GUARD = { access: 'account', limited: 'address', parse: 'none' } as const
const KEY = { name: line(255), expires_in_days: optional(whole(1, 3650)) }

/** A user's own sessions and API keys. */
export const credentials = ({ access, limited, sessions, apiKeys, ownBody, now }: Deps) =>
  new Elysia({ name: 'credentials' })
    .use(access)
    .use(limited)
    .get(
      '/v1/users/me/sessions',
      async ({ exchange }) => {
        const { user, credential } = accountOf(exchange)
        return told({ sessions: (await sessions.list(user)).map(shownSession(credential)) })
      },
      { ...GUARD, detail: described(() => sessionsDetail('GET')) },
    )
    .delete(
      '/v1/users/me/sessions',
      async ({ exchange }) => {
        await sessions.endAll(accountOf(exchange).user)
        return done()
      },
      { ...GUARD, detail: described(() => sessionsDetail('DELETE')) },
    )
    .delete(
      '/v1/users/me/sessions/:id',
      async ({ exchange, params }) => {
        const id = uuidFrom(params.id)
        if (!id || !(await sessions.end(accountOf(exchange).user, id))) throw none('session')
        return done()
      },
      { ...GUARD, detail: described(() => sessionDetail()) },
    )
    .get(
      '/v1/users/me/keys',
      async ({ exchange }) => told({ keys: (await apiKeys.list(accountOf(exchange).user)).map(shownKey) }),
      { ...GUARD, detail: described(() => keysDetail('GET')) },
    )
    .post(
      '/v1/users/me/keys',
      async ({ request, exchange }) => {
        const { name, expires_in_days: days } = await readMembers(await ownBody(request, exchange), KEY)
        const expiresAt = days === undefined ? null : now() + days * DAY_MS
        const { key, ...made } = await apiKeys.make(accountOf(exchange).user, { name, expiresAt })
        return told({ ...shownKey(made), key }, 201)
      },
      { ...GUARD, limited: 'caller', detail: described(() => keysDetail('POST')) },
    )
    .delete(
      '/v1/users/me/keys/:id',
      async ({ exchange, params }) => {
        const id = uuidFrom(params.id)
        if (!id || !(await apiKeys.revoke(accountOf(exchange).user, id))) throw none('key')
        return done()
      },
      { ...GUARD, detail: described(() => keyDetail()) },
    )

/** A session as it is told to who asks by the one that is `current`. */
export const shownSession = (current: string) => (session: Session) => ({
  id: session.id,
  created_at: moment(session.createdAt),
  expires_at: moment(session.expiresAt),
  auth_method: session.authMethod,
  current: session.id === current,
})

/** A key as it is told, without what opens anything. */
export const shownKey = (key: ApiKey) => ({
  id: key.id,
  prefix: key.prefix,
  name: key.name,
  created_at: moment(key.createdAt),
  expires_at: key.expiresAt === null ? null : moment(key.expiresAt),
  last_used_at: key.lastUsedAt === null ? null : moment(key.lastUsedAt),
})

const moment = (at: number) => new Date(at).toISOString()

const NO_STORE = { 'cache-control': 'no-store' }
const told = (shown: object, status = 200) => Response.json(shown, { status, headers: NO_STORE })
const done = () => new Response(null, { status: 204, headers: NO_STORE })

/** The same for what is somebody else's as for what never was. */
function none(what: 'session' | 'key'): Problem {
  return new Problem('not_found', `You have no such ${what}.`)
}

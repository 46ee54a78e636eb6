import { Elysia } from 'elysia'
import { type access, callerOf } from '../../gate/access.ts'
import type { Audit } from '../../gate/audit.ts'
import type { Ledger } from '../../gate/ledger.ts'
import type { limited } from '../../gate/limited.ts'
import type { Sessions } from '../../gate/sessions.ts'
import { activityDetail, endingDetail, userDetail, usersDetail } from '../../protocol/admin-users-docs.ts'
import { uuidFrom } from '../../protocol/ids.ts'
import { DAY_MS } from '../../protocol/metering.ts'
import { described } from '../../protocol/openapi.ts'
import { userOwnerOf } from '../../protocol/principal.ts'
import { Problem } from '../../protocol/problem.ts'
import type { Fields } from '../../store/fields.ts'
import type { Store } from '../../store/store.ts'
import { type Activity, activities } from './activities.ts'
import { done, told } from './answers.ts'
import { type People, people } from './people.ts'
import { activityPageOf, type Page, requireNone, usersOf } from './query.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  store: Store
  fields: Fields
  /** The key of the role `lookup`. */
  lookupKey: Uint8Array
  sessions: Sessions
  ledger: Ledger
  audit: Audit
  /** Days for which what users did is kept. */
  activityDays: number
  now: () => number
}

const GUARD = { access: 'admin', limited: 'caller', parse: 'none' } as const
const PATH = '/v1/admin/users'

/** Who has signed in here, what they did, and the end of their sessions. */
export const adminUsers = (deps: Deps) => {
  const { access, limited, sessions, audit } = deps
  const all = people(deps)
  const one = standing(deps, all)
  const acts = activity(deps)

  async function requireUser(given: string): Promise<string> {
    const user = uuidFrom(given)
    if (user === undefined || !(await all.find({ user }))) throw nobody()
    return user
  }

  return new Elysia({ name: 'admin-users' })
    .use(access)
    .use(limited)
    .get(PATH, async ({ exchange }) => told(await listed(all, exchange.target.query)), {
      ...GUARD,
      detail: described(() => usersDetail()),
    })
    .get(
      `${PATH}/:id`,
      async ({ exchange, params }) => {
        requireNone(exchange.target.query)
        return told(await one(params.id))
      },
      { ...GUARD, detail: described(() => userDetail()) },
    )
    .get(
      `${PATH}/:id/activity`,
      async ({ exchange, params }) => {
        const page = activityPageOf(exchange.target.query)
        return told(await acts(await requireUser(params.id), page))
      },
      { ...GUARD, detail: described(() => activityDetail()) },
    )
    .delete(
      `${PATH}/:id/sessions`,
      async ({ exchange, params }) => {
        requireNone(exchange.target.query)
        const about = await requireUser(params.id)
        const deed = { admin: callerOf(exchange), action: 'sessions.end', about, details: null } as const
        await sessions.endAll(about, [audit.entered(deed)])
        return done()
      },
      { ...GUARD, detail: described(() => endingDetail()) },
    )
}

async function listed(all: People, query: string): Promise<object> {
  const { sought, limit, offset } = usersOf(query)
  const page = { limit, offset }
  if (sought === undefined) return { users: await all.page(page), ...page, total: await all.count() }
  const found = await all.find(sought)
  const users = found ? [found] : []
  return { users: users.slice(offset), ...page, total: users.length }
}

function standing({ sessions, ledger }: Deps, all: People) {
  return async (given: string): Promise<object> => {
    const user = uuidFrom(given)
    await ledger.flush()
    const found = user === undefined ? undefined : await all.standing(user)
    if (!found) throw nobody()
    const { profile, providers, keys, lastActive } = found
    return {
      user: profile,
      owner: userOwnerOf(profile.id),
      providers,
      sessions: (await sessions.list(profile.id)).length,
      keys,
      last_active: lastActive === null ? null : new Date(lastActive).toISOString(),
    }
  }
}

function activity({ store, ledger, activityDays, now }: Deps) {
  const pageOf = activities(store)
  return async (user: string, page: Page): Promise<object> => {
    await ledger.flush()
    const some = await pageOf(userOwnerOf(user), now() - activityDays * DAY_MS, page)
    return { user_id: user, activities: some.map(each => shown(user, each)), ...page }
  }
}

// As the older API names them.
const ABOUT: Readonly<Record<string, string>> = {
  conversation: 'conversation_id',
  file_upload: 'file_id',
  response: 'response_id',
}

function shown(user: string, { id, at, kind, authMethod, about }: Activity): object {
  const name = ABOUT[kind]
  return {
    ...{ id, user_id: user, activity_type: kind, auth_method: authMethod },
    metadata: name === undefined || about === null ? null : { [name]: about },
    created_at: new Date(at).toISOString(),
  }
}

const nobody = () => new Problem('not_found', 'No user has that id: none ever had, or they were deleted.')

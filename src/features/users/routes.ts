import { Elysia } from 'elysia'
import { type access, accountOf } from '../../gate/access.ts'
import type { ApiKeys } from '../../gate/api-keys.ts'
import type { Ledger } from '../../gate/ledger.ts'
import type { limited } from '../../gate/limited.ts'
import type { Sessions } from '../../gate/sessions.ts'
import { foldedEmail } from '../../protocol/email.ts'
import type { Exchange } from '../../protocol/exchange.ts'
import type { Log } from '../../protocol/log.ts'
import { invalidBody, prose, type Read, readMembers } from '../../protocol/members.ts'
import { described } from '../../protocol/openapi.ts'
import { deletionDetail, exportDetail, profileDetail, settingsDetail } from '../../protocol/users-docs.ts'
import type { Fields } from '../../store/fields.ts'
import type { Store } from '../../store/store.ts'
import type { SigningKeys } from '../../tee/signing.ts'
import type { OwnBody } from '../../upstream/own-body.ts'
import { credentials, shownKey, shownSession } from './credentials.ts'
import { deletion } from './deletion.ts'
import { exported, streamed } from './export.ts'
import { linked } from './linked.ts'
import { ownedPages } from './pages.ts'
import { profiles } from './profile.ts'
import { ALL, type Settings, SOME, settings } from './settings.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  store: Store
  fields: Fields
  /** The key of the role `lookup`. */
  lookupKey: Uint8Array
  sessions: Sessions
  apiKeys: ApiKeys
  ledger: Ledger
  signing: SigningKeys
  ownBody: OwnBody
  now: () => number
  log: Log
}

const GUARD = { access: 'account', limited: 'caller', parse: 'none' } as const
const CONFIRM = { confirm: prose(254) }

/** What is a signed-in user's own: who they are, what they set, all of it to take along, and the end of it. */
export const users = (deps: Deps) => {
  const { access, limited, ownBody } = deps
  const profileOf = profiles(deps)
  const set = settings(deps)
  const linkedTo = linked(deps.store)
  const deletions = deletion(deps)
  const pages = ownedPages(deps)

  async function take(request: Request, exchange: Exchange): Promise<Response> {
    const { user, owner, credential } = accountOf(exchange)
    await deps.ledger.flush()
    const [sessions, keys] = [await deps.sessions.list(user), await deps.apiKeys.list(user)]
    const whole = {
      user: await profileOf(user),
      linked_accounts: await linkedTo(user),
      settings: await set.of(user),
      sessions: sessions.map(shownSession(credential)),
      keys: keys.map(shownKey),
    }
    return streamed(exported(whole, owner, pages), { request, exchange, now: deps.now })
  }

  async function end(request: Request, exchange: Exchange): Promise<Response> {
    const { user } = accountOf(exchange)
    const { confirm } = await readMembers(await ownBody(request, exchange), CONFIRM)
    const { email } = await profileOf(user)
    if (![email && foldedEmail(email), user].includes(foldedEmail(confirm)))
      throw invalidBody(`"confirm" must be ${email === null ? '' : 'your e-mail address, or '}your id.`)
    await deletions.start(user)
    return new Response(null, { status: 204, headers: NO_STORE })
  }

  const plugin = new Elysia({ name: 'users' })
    .use(access)
    .use(limited)
    .use(credentials(deps))
    .get(
      '/v1/users/me',
      async ({ exchange }) => {
        const { user: id } = accountOf(exchange)
        const [user, linked_accounts] = await Promise.all([profileOf(id), linkedTo(id)])
        return told({ user, linked_accounts })
      },
      { ...GUARD, detail: described(() => profileDetail()) },
    )
    .delete('/v1/users/me', ({ request, exchange }) => end(request, exchange), {
      ...GUARD,
      detail: described(() => deletionDetail()),
    })
    .get('/v1/users/me/export', ({ request, exchange }) => take(request, exchange), {
      ...GUARD,
      detail: described(() => exportDetail()),
    })
    .use(settingsRoutes(deps, set))
  return { plugin, sweep: deletions.sweep }
}

/** Settings to read, to replace, and to change. */
function settingsRoutes({ access, limited, ownBody }: Deps, set: ReturnType<typeof settings>) {
  const shown = (user: string, settings: Settings) => told({ user_id: user, settings })
  return new Elysia({ name: 'settings' })
    .use(access)
    .use(limited)
    .get(
      '/v1/users/me/settings',
      async ({ exchange }) => {
        const { user } = accountOf(exchange)
        return shown(user, await set.of(user))
      },
      { ...GUARD, detail: described(() => settingsDetail('GET')) },
    )
    .post(
      '/v1/users/me/settings',
      async ({ request, exchange }) => {
        const { user } = accountOf(exchange)
        const given: Read<typeof ALL> = await readMembers(await ownBody(request, exchange), ALL)
        return shown(user, await set.replace(user, given))
      },
      { ...GUARD, detail: described(() => settingsDetail('POST')) },
    )
    .patch(
      '/v1/users/me/settings',
      async ({ request, exchange }) => {
        const { user } = accountOf(exchange)
        const given: Read<typeof SOME> = await readMembers(await ownBody(request, exchange), SOME)
        return shown(user, await set.patch(user, given))
      },
      { ...GUARD, detail: described(() => settingsDetail('PATCH')) },
    )
}

const NO_STORE = { 'cache-control': 'no-store' }

function told(shown: object): Response {
  return Response.json(shown, { headers: NO_STORE })
}

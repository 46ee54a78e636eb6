import { Elysia } from 'elysia'
import { type access, callerOf } from '../../gate/access.ts'
import { type Belongings, noSuchThing } from '../../gate/belongings.ts'
import type { limited } from '../../gate/limited.ts'
import type { receipted } from '../../gate/receipted.ts'
import { CONVERSATION_ROUTES, conversationDetail, conversationsDetail } from '../../protocol/conversations-docs.ts'
import type { Exchange } from '../../protocol/exchange.ts'
import { isPlainId } from '../../protocol/ids.ts'
import type { Log } from '../../protocol/log.ts'
import { described } from '../../protocol/openapi.ts'
import { paramOf } from '../../protocol/params.ts'
import type { Store } from '../../store/store.ts'
import type { Backend } from '../../upstream/backends.ts'
import type { ForwardOpen } from '../../upstream/forward-open.ts'
import type { OnBehalf } from '../../upstream/on-behalf.ts'
import { requireOpen } from '../../upstream/ways.ts'
import { list } from './list.ts'
import { conversationRows } from './rows.ts'
import { tell } from './told.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  receipted: ReturnType<typeof receipted>
  belongings: Belongings
  store: Store
  log: Log
  /** To the backend that keeps them. */
  open: ForwardOpen
  onBehalf: OnBehalf
  backend: Backend
}

const GUARD = { access: 'inference', limited: 'caller', parse: 'none' } as const

/** Conversations that callers have at a backend, each for its owner alone. */
export const conversations = (deps: Deps) => {
  const { access, limited, receipted, belongings, open } = deps
  const listed = list({ ...deps, rows: conversationRows(deps.store), tell: tell(deps) })
  const rooms = new Elysia({ name: 'conversations' })
    .use(access)
    .use(limited)
    .use(receipted)
    .get(
      '/v1/conversations',
      ({ request, exchange }) => {
        requireOpen(request)
        return listed(request, callerOf(exchange), exchange)
      },
      { ...GUARD, detail: described(() => conversationsDetail()) },
    )
  for (const route of CONVERSATION_ROUTES) {
    const isRead = 'takes' in route
    const isOne = route.path.includes('/:id')
    const forward = async (request: Request, exchange: Exchange): Promise<Response> => {
      requireOpen(request)
      const path = pathOf(route.path, exchange)
      if (isOne) {
        const conversation = { kind: 'conversation', id: paramOf(exchange, 'id') } as const
        // What is written into was used.
        if (isRead) await belongings.use(callerOf(exchange), [conversation])
        else await belongings.check(callerOf(exchange), [conversation])
      }
      return open(request, exchange, { body: isRead ? 'json' : 'none', path })
    }
    rooms.route(route.method, route.path, ({ request, exchange }) => forward(request, exchange), {
      ...GUARD,
      receipted: true,
      detail: described(() => conversationDetail(route)),
    })
  }
  return rooms
}

/** A route's path with the ids that stand in a request's, each one segment whatever is in it. @throws Problem `not_found` */
function pathOf(template: string, exchange: Exchange): string {
  return template.replaceAll(/:(\w+)/g, (_, name: string) => {
    const id = paramOf(exchange, name)
    if (!isPlainId(id)) throw noSuchThing()
    return encodeURIComponent(id)
  })
}

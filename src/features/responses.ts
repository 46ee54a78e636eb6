import { Elysia } from 'elysia'
import { type access, callerOf } from '../gate/access.ts'
import type { Belongings } from '../gate/belongings.ts'
import type { limited } from '../gate/limited.ts'
import type { receipted } from '../gate/receipted.ts'
import type { Exchange } from '../protocol/exchange.ts'
import { described } from '../protocol/openapi.ts'
import { paramOf } from '../protocol/params.ts'
import type { Reference } from '../protocol/references-reading.ts'
import { RESPONSE_ROUTES, responseDetail, responseRemovalDetail } from '../protocol/responses-docs.ts'
import type { ForwardOpen } from '../upstream/forward-open.ts'
import type { Remove } from '../upstream/removal.ts'
import { requireOpen } from '../upstream/ways.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  receipted: ReturnType<typeof receipted>
  belongings: Belongings
  /** To the backend that keeps them. */
  open: ForwardOpen
  remove: Remove
}

const GUARD = { access: 'inference', limited: 'caller', receipted: true, parse: 'none' } as const

/** Responses that a backend keeps, each for whom it was given to alone. */
export const responses = ({ access, limited, receipted, belongings, open, remove }: Deps) => {
  /** The one that a path names. @throws Problem `not_found` unless it is the caller's */
  async function theOne(exchange: Exchange): Promise<Reference> {
    const response = { kind: 'response', id: paramOf(exchange, 'id') } as const
    await belongings.check(callerOf(exchange), [response])
    return response
  }

  const rooms = new Elysia({ name: 'responses' })
    .use(access)
    .use(limited)
    .use(receipted)
    .delete('/v1/responses/:id', async ({ exchange }) => remove(exchange, await theOne(exchange)), {
      ...GUARD,
      detail: described(() => responseRemovalDetail()),
    })
  // An id that is somebody's is one segment of a path as it stands, so the path goes up as it came.
  for (const route of RESPONSE_ROUTES)
    rooms.route(
      route.method,
      route.path,
      async ({ request, exchange }) => {
        requireOpen(request)
        await theOne(exchange)
        return open(request, exchange, { body: 'none' })
      },
      { ...GUARD, detail: described(() => responseDetail(route)) },
    )
  return rooms
}

import { Elysia } from 'elysia'
import { type access, callerOf } from '../../gate/access.ts'
import type { Belongings } from '../../gate/belongings.ts'
import type { limited } from '../../gate/limited.ts'
import type { receipted } from '../../gate/receipted.ts'
import { cloneDetail, creationDetail, removalDetail } from '../../protocol/durable-docs.ts'
import type { Exchange } from '../../protocol/exchange.ts'
import { described } from '../../protocol/openapi.ts'
import { paramOf } from '../../protocol/params.ts'
import type { Reference } from '../../protocol/references-reading.ts'
import type { Make } from '../../upstream/make.ts'
import type { Remove } from '../../upstream/removal.ts'
import { requireOpen } from '../../upstream/ways.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  receipted: ReturnType<typeof receipted>
  belongings: Belongings
  make: Make
  remove: Remove
}

const GUARD = { access: 'inference', limited: 'caller', receipted: true, parse: 'none' } as const

/** Conversations begun, cloned and deleted: whatever happens meanwhile, there is none at the backend that nobody owns. */
export const durable = ({ access, limited, receipted, belongings, make, remove }: Deps) => {
  async function clone(request: Request, exchange: Exchange): Promise<Response> {
    const source = theOne(exchange)
    await belongings.check(callerOf(exchange), [source])
    requireOpen(request)
    return make(request, exchange, { kind: source.kind, source: source.id })
  }

  async function removed(exchange: Exchange): Promise<Response> {
    const thing = theOne(exchange)
    await belongings.check(callerOf(exchange), [thing])
    return remove(exchange, thing)
  }

  return new Elysia({ name: 'durable' })
    .use(access)
    .use(limited)
    .use(receipted)
    .post(
      '/v1/conversations',
      ({ request, exchange }) => {
        requireOpen(request)
        return make(request, exchange, { kind: 'conversation', source: null })
      },
      { ...GUARD, detail: described(() => creationDetail()) },
    )
    .post('/v1/conversations/:id/clone', ({ request, exchange }) => clone(request, exchange), {
      ...GUARD,
      detail: described(() => cloneDetail()),
    })
    .delete('/v1/conversations/:id', ({ exchange }) => removed(exchange), {
      ...GUARD,
      detail: described(() => removalDetail()),
    })
}

function theOne(exchange: Exchange): Reference {
  return { kind: 'conversation', id: paramOf(exchange, 'id') }
}

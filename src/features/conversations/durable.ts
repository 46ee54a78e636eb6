import { Elysia } from 'elysia'
import type { access } from '../../gate/access.ts'
import type { Belongings } from '../../gate/belongings.ts'
import type { limited } from '../../gate/limited.ts'
import { cloneDetail, creationDetail, removalDetail } from '../../protocol/durable-docs.ts'
import type { Exchange } from '../../protocol/exchange.ts'
import { paramOf } from '../../protocol/params.ts'
import type { Reference } from '../../protocol/references-reading.ts'
import type { Backend } from '../../upstream/backends.ts'
import type { Make } from '../../upstream/make.ts'
import type { OnBehalf } from '../../upstream/on-behalf.ts'
import { passedOn } from '../../upstream/passed-on.ts'
import { pathOf } from '../../upstream/places.ts'
import { requireOpen } from '../../upstream/ways.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  belongings: Belongings
  backend: Backend
  onBehalf: OnBehalf
  make: Make
}

const GUARD = { access: 'inference', limited: 'caller', parse: 'none' } as const

/** Conversations begun, cloned and deleted: whatever happens meanwhile, there is none at the backend that nobody owns. */
export const durable = (deps: Deps) => {
  const { access, limited, belongings, make } = deps

  async function clone(request: Request, exchange: Exchange): Promise<Response> {
    const source = theOne(exchange)
    await belongings.check(ownerOf(exchange), [source])
    requireOpen(request)
    return make(request, exchange, { kind: source.kind, source: source.id })
  }

  return new Elysia({ name: 'durable' })
    .use(access)
    .use(limited)
    .post(
      '/v1/conversations',
      ({ request, exchange }) => {
        requireOpen(request)
        return make(request, exchange, { kind: 'conversation', source: null })
      },
      { ...GUARD, detail: creationDetail() },
    )
    .post('/v1/conversations/:id/clone', ({ request, exchange }) => clone(request, exchange), {
      ...GUARD,
      detail: cloneDetail(),
    })
    .delete('/v1/conversations/:id', ({ exchange }) => remove(exchange, deps), { ...GUARD, detail: removalDetail() })
}

/**
 * The thing goes first, and then its row: who is stopped in between finds it gone the next time, and is answered alike.
 * The call is the gateway's own, for a client that leaves must not break it off between the two.
 */
async function remove(exchange: Exchange, { belongings, backend, onBehalf }: Deps): Promise<Response> {
  const [thing, owner] = [theOne(exchange), ownerOf(exchange)]
  await belongings.check(owner, [thing])
  onBehalf.begin(exchange)
  const answer = await onBehalf.ask(exchange, { method: 'DELETE', path: pathOf(thing) + exchange.target.query })
  const isGone = answer.status === 404
  if (answer.ok || isGone) await belongings.forget(owner, thing)
  const told = isGone ? Response.json({ id: thing.id, object: 'conversation.deleted', deleted: true }) : answer
  return passedOn(told, exchange, backend.name)
}

function theOne(exchange: Exchange): Reference {
  return { kind: 'conversation', id: paramOf(exchange, 'id') }
}

const ownerOf = ({ principal }: Exchange): string => principal?.owner ?? ''

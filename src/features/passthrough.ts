import { Elysia } from 'elysia'
import { type access, callerOf } from '../gate/access.ts'
import { type Belongings, noSuchThing } from '../gate/belongings.ts'
import type { limited } from '../gate/limited.ts'
import type { receipted } from '../gate/receipted.ts'
import type { Exchange } from '../protocol/exchange.ts'
import { isPlainId } from '../protocol/ids.ts'
import { invalidBody } from '../protocol/members.ts'
import { paramOf } from '../protocol/params.ts'
import { type Passage, parametersOf } from '../protocol/passages.ts'
import { passageDetail } from '../protocol/passages-docs.ts'
import { Problem } from '../protocol/problem.ts'
import { meaningOf } from '../protocol/reference-names.ts'
import type { ForwardOpen, Taking } from '../upstream/forward-open.ts'
import { requireOpen } from '../upstream/ways.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  receipted: ReturnType<typeof receipted>
  belongings: Belongings
  forward: ForwardOpen
  passages: readonly Passage[]
}

/** Routes that an operator lets through to the backend that reads open bodies. */
export const passthrough = ({ access, limited, receipted, belongings, forward, passages }: Deps) => {
  const rooms = new Elysia({ name: 'passthrough' }).use(access).use(limited).use(receipted)
  for (const passage of passages) {
    const parameters = parametersOf(passage)
    const pass = async (request: Request, exchange: Exchange): Promise<Response> => {
      requireOpen(request)
      requireNoIds(exchange.target.query)
      const owned = parameters.map(({ name, kind }) => {
        const id = paramOf(exchange, name)
        if (!kind || !isPlainId(id)) throw noSuchThing()
        return { kind, id }
      })
      await belongings.use(callerOf(exchange), owned)
      return forward(request, exchange, { body: takenOf(request) })
    }
    rooms.route(passage.method, passage.path, ({ request, exchange }) => pass(request, exchange), {
      access: 'inference',
      limited: 'caller',
      receipted: true,
      parse: 'none',
      detail: passageDetail(passage),
    })
  }
  return rooms
}

/** Whose an id in a query is, nobody asks: so there may be none. @throws Problem `reference_not_supported` */
function requireNoIds(query: string): void {
  for (const [name] of new URLSearchParams(query))
    if (meaningOf(name) !== 'text' && meaningOf(name) !== 'opaque')
      throw new Problem(
        'reference_not_supported',
        'The query names a stored thing: here only the path and the body may.',
      )
}

/** @throws Problem `invalid_body` for what is neither JSON nor a form */
function takenOf({ method, body, headers }: Request): Taking['body'] {
  if (method === 'GET' || method === 'HEAD' || (method === 'DELETE' && body === null)) return 'none'
  const type = headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type === 'multipart/form-data') return 'form'
  if (body === null || type === undefined || type === 'application/json') return 'json'
  throw invalidBody('here it is application/json or multipart/form-data.')
}

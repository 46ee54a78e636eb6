import { Elysia } from 'elysia'
import { type access, callerOf } from '../gate/access.ts'
import { type Belongings, noSuchThing } from '../gate/belongings.ts'
import type { limited } from '../gate/limited.ts'
import type { receipted } from '../gate/receipted.ts'
import type { Exchange } from '../protocol/exchange.ts'
import { namesModel, namesThing } from '../protocol/flat-names.ts'
import { isPlainId } from '../protocol/ids.ts'
import { invalidBody } from '../protocol/members.ts'
import { type ModelRules, requireModel } from '../protocol/model-rules.ts'
import { described } from '../protocol/openapi.ts'
import { paramOf } from '../protocol/params.ts'
import { type Passage, parametersOf } from '../protocol/passages.ts'
import { passageDetail } from '../protocol/passages-docs.ts'
import type { ForwardOpen, Taking } from '../upstream/forward-open.ts'
import { namedIn, type RulesNow } from '../upstream/ruled.ts'
import { requireOpen } from '../upstream/ways.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  receipted: ReturnType<typeof receipted>
  belongings: Belongings
  forward: ForwardOpen
  rules: RulesNow
  passages: readonly Passage[]
}

/** Routes that an operator lets through to the backend that reads open bodies. */
export const passthrough = ({ access, limited, receipted, belongings, forward, rules, passages }: Deps) => {
  const rooms = new Elysia({ name: 'passthrough' }).use(access).use(limited).use(receipted)
  for (const passage of passages) {
    const parameters = parametersOf(passage)
    const pass = async (request: Request, exchange: Exchange): Promise<Response> => {
      requireOpen(request)
      const { query } = exchange.target
      if (query) judgeQuery(query, await rules())
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
      detail: described(() => passageDetail(passage)),
    })
  }
  return rooms
}

/** @throws Problem `reference_not_supported`: whose an id in a query is, nobody asks; or `model_not_available` */
function judgeQuery(query: string, rules: ModelRules): void {
  // Some readers part it at `;` too.
  for (const [name, text] of new URLSearchParams(query.replaceAll(';', '&'))) {
    if (namesThing(name)) throw namedIn('The query')
    if (namesModel(name)) requireModel(rules, text)
  }
}

/** @throws Problem `invalid_body` for what is neither JSON nor a form */
function takenOf({ method, body, headers }: Request): Taking['body'] {
  if (method === 'GET' || method === 'HEAD' || (method === 'DELETE' && body === null)) return 'none'
  const type = headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type === 'multipart/form-data') return 'nameless form'
  if (body === null || type === undefined || type === 'application/json') return 'json'
  throw invalidBody('here it is application/json or multipart/form-data.')
}

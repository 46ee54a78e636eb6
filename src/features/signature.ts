import { Elysia } from 'elysia'
import { type access, callerOf } from '../gate/access.ts'
import { noSuchThing } from '../gate/belongings.ts'
import type { Ledger } from '../gate/ledger.ts'
import type { limited } from '../gate/limited.ts'
import type { Exchange } from '../protocol/exchange.ts'
import { isPlainId } from '../protocol/ids.ts'
import { described } from '../protocol/openapi.ts'
import { paramOf } from '../protocol/params.ts'
import { signatureDetail } from '../protocol/signature-docs.ts'
import type { ForwardOpen } from '../upstream/forward-open.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  ledger: Ledger
  forward: ForwardOpen
}

/** The backend's signature under a question and its answer: for whom it was answered, and nobody else. */
export const signature = ({ access, limited, ledger, forward }: Deps) => {
  async function told(request: Request, exchange: Exchange): Promise<Response> {
    const id = paramOf(exchange, 'chat_id')
    const owner = callerOf(exchange)
    if (!isPlainId(id) || !(await ledger.wasAnswered(owner, id))) throw noSuchThing()
    return forward(request, exchange, { body: 'none' })
  }
  return new Elysia({ name: 'signature' })
    .use(access)
    .use(limited)
    .get('/v1/signature/:chat_id', ({ request, exchange }) => told(request, exchange), {
      access: 'inference',
      limited: 'caller',
      detail: described(() => signatureDetail()),
    })
}

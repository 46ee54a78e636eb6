import { Elysia } from 'elysia'
import { type access, callerOf } from '../gate/access.ts'
import type { limited } from '../gate/limited.ts'
import type { Receipts } from '../gate/receipts.ts'
import type { Exchange } from '../protocol/exchange.ts'
import { described } from '../protocol/openapi.ts'
import { paramOf } from '../protocol/params.ts'
import { invalidQuery, parametersIn } from '../protocol/query.ts'
import { digestsText, type Receipt } from '../protocol/receipt.ts'
import { receiptDetail } from '../protocol/receipts-docs.ts'
import type { SigningKeys } from '../tee/signing.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  receipts: Pick<Receipts, 'find'>
  signing: SigningKeys
}

/** What was asked and answered, signed: for whoever asked it, and nobody else. */
export const receipt = ({ access, limited, receipts, signing }: Deps) => {
  async function told(exchange: Exchange): Promise<Response> {
    const isEthereum = algorithmIn(exchange.target.query) === 'ecdsa'
    const signed = await receipts.find(callerOf(exchange), paramOf(exchange, 'id'))
    const shown = isEthereum ? { ...signed, ...ethereum(signed.receipt) } : signed
    return Response.json(shown, { headers: { 'cache-control': 'no-store' } })
  }

  /** Made when it is asked for: it takes as long as all the rest of a request. */
  function ethereum(signed: string) {
    const receipt: Receipt = JSON.parse(signed)
    const text = digestsText(receipt)
    const { address: signing_address, sign } = signing.ecdsa
    return { text, signature: sign(text), signing_address, signing_algo: 'ecdsa', signature_kind: 'gateway' }
  }

  return new Elysia({ name: 'receipt' })
    .use(access)
    .use(limited)
    .get('/v1/receipts/:id', ({ exchange }) => told(exchange), {
      access: 'inference',
      limited: 'caller',
      detail: described(() => receiptDetail()),
    })
}

/** @throws Problem `invalid_query` */
function algorithmIn(query: string): string {
  const algorithm = parametersIn(query, ['signing_algo']).get('signing_algo') ?? 'ed25519'
  if (algorithm === 'ed25519' || algorithm === 'ecdsa') return algorithm
  throw invalidQuery('"signing_algo" must be ed25519 or ecdsa.')
}

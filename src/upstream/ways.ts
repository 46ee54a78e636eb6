import { ENCAPSULATED_KEY_HEADER } from '../protocol/ehbp.ts'
import { ENCLAVE_URL_HEADER } from '../protocol/enclave-url.ts'
import type { Exchange } from '../protocol/exchange.ts'
import { Problem } from '../protocol/problem.ts'
import { FORMS, MODELS, RESPONSES } from '../protocol/routes.ts'
import type { Forward } from './forward.ts'
import type { ForwardOpen } from './forward-open.ts'

interface Deps {
  /** To enclaves that open sealed bodies. */
  sealed: Forward | undefined
  /** To a backend that reads open ones. */
  open: ForwardOpen | undefined
  /** What tells the models of both; absent where there is but one. */
  models: Forward | undefined
  /** Whether bodies may go up unsealed where they could be sealed. */
  plaintext: boolean
}

/**
 * Where a request goes that either backend could answer: a sealed body, or whoever names an enclave, to the enclave; an
 * open body elsewhere only where no enclave is there or the operator allows it, so that who forgot to seal learns of it;
 * the models are told of both.
 * @throws Problem `sealed_body_required`; or `sealed_body_refused` and `enclave_not_allowed` where there is no enclave.
 */
export function ways({ sealed, open, models, plaintext }: Deps): Forward {
  return (request, exchange) => {
    const { headers } = request
    const isMeantSealed = headers.has(ENCAPSULATED_KEY_HEADER) || headers.has(ENCLAVE_URL_HEADER)
    if (models && !isMeantSealed && exchange.route === MODELS) return models(request, exchange)
    if (sealed && (!open || isMeantSealed || !plaintext)) return sealed(request, exchange)
    if (!open) throw new TypeError('a gateway without a backend')
    return openOnly(open, request, exchange)
  }
}

/** @throws Problem `sealed_body_refused` or `enclave_not_allowed` */
function openOnly(open: ForwardOpen, request: Request, exchange: Exchange): Promise<Response> {
  requireOpen(request)
  if (request.headers.has(ENCLAVE_URL_HEADER))
    throw new Problem('enclave_not_allowed', 'X-Tinfoil-Enclave-Url names an enclave, and this gateway reaches none.')
  const hasBody = request.method !== 'GET' && request.method !== 'HEAD'
  // Of a form nothing is read: whatever does not say that it is one may name what is another's.
  const form = FORMS.has(exchange.route ?? '') && isForm(request.headers.get('content-type') ?? '')
  const makes = exchange.route === RESPONSES && { makes: 'response' as const }
  return open(request, exchange, { body: hasBody ? (form ? 'form' : 'json') : 'none', ...makes })
}

/** Whether a media type says that a body is a form. */
export const isForm = (type: string) => /^multipart\/form-data\s*(;|$)/i.test(type)

/**
 * Holds a request to a backend that reads bodies to an open one.
 * @throws Problem `sealed_body_refused`
 */
export function requireOpen({ headers }: Request): void {
  if (!headers.has(ENCAPSULATED_KEY_HEADER)) return
  throw new Problem(
    'sealed_body_refused',
    'The body is sealed, and what answers this cannot open it: send it open, or ask what an enclave answers.',
  )
}

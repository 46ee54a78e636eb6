import { choice } from '../../protocol/kinds.ts'
import { invalidQuery, parametersIn } from '../../protocol/query.ts'
import type { Algorithm } from '../../tee/signing.ts'

/** What a client asks to be proved. */
export interface Query {
  /** 64 hex digits, as the client wrote them. */
  readonly nonce: string | undefined
  readonly algorithm: Algorithm
  /** For backends alone, as they are written. */
  readonly model: string | undefined
  readonly signingAddress: string | undefined
}

const ALGORITHM = choice('ecdsa', 'ed25519')
// What is behind it is the backend's to know; ids of models have a fraction of it.
const MODEL = /^[^\p{Cc}]{1,256}$/u

/** What a query asks for. @throws Problem `invalid_query` */
export function queryOf(query: string): Query {
  const given = parametersIn(query, ['nonce', 'signing_algo', 'model', 'signing_address'])
  const read = (name: 'nonce' | 'model' | 'signing_address', shape: RegExp, expects: string) => {
    const text = given.get(name)
    if (text !== undefined && !shape.test(text)) throw invalidQuery(`"${name}" must be ${expects}.`)
    return text
  }
  const algorithm = ALGORITHM.read(given.get('signing_algo') ?? 'ed25519')
  if (!algorithm) throw invalidQuery(`"signing_algo" must be ${ALGORITHM.expects}.`)
  return {
    nonce: read('nonce', /^[\da-f]{64}$/i, '32 bytes in hex (64 digits)'),
    algorithm,
    model: read('model', MODEL, '1 to 256 characters, none a control character'),
    signingAddress: read('signing_address', /^(?:0x)?(?:[\da-fA-F]{40}|[\da-fA-F]{64})$/, '40 or 64 hex digits'),
  }
}

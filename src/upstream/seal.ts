import { ENCAPSULATED_KEY_HEADER, isEncapsulatedKey, sniffFrame } from '../protocol/ehbp.ts'
import { Problem } from '../protocol/problem.ts'
import type { Body } from './body.ts'

const HOW = `seal it with EHBP (npm ehbp, or Tinfoil's SDK): one ${ENCAPSULATED_KEY_HEADER} header of 64 hex digits and a body of frames`

/**
 * The encapsulated key by which a request claims to be sealed, or `undefined` for an open one: that passes where
 * `plaintext` is allowed, or where the method has no body.
 * @throws Problem `sealed_body_required`
 */
export function sealClaimed({ method, headers }: Request, plaintext: boolean): string | undefined {
  const key = headers.get(ENCAPSULATED_KEY_HEADER)
  if (key === null) {
    if (plaintext || method === 'GET' || method === 'HEAD') return undefined
    throw required('The body is not sealed')
  }
  if (!isEncapsulatedKey(key)) throw required(`The ${ENCAPSULATED_KEY_HEADER} header is not one key`)
  return key.toLowerCase()
}

/** Whether the first bytes of a body settle what its first frame is. */
export function isSettled(head: Uint8Array): boolean {
  return sniffFrame(head) !== 'unsettled'
}

/**
 * Holds a request to the seal that it claims: an enclave takes a bodiless one for open, whatever its header says.
 * @throws Problem `sealed_body_required`
 */
export function requireSealed(body: Body | null): void {
  if (!body || body.head.length === 0) throw required('The request claims a seal and has no body')
  if (sniffFrame(body.head) !== 'frame') throw required('The body does not begin with a sealed frame')
}

// 400, never 422: clients take that for a changed key, fetch it and seal again.
function required(what: string): Problem {
  return new Problem('sealed_body_required', `${what}: ${HOW}.`)
}

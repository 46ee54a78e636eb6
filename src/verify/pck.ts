import type { X509Certificate } from 'node:crypto'
import { extensionOf } from './certificates.ts'
import { sure } from './check.ts'
import { type Der, numberOf, oidOf, sequence } from './der.ts'

// Intel SGX PCK Certificate and CRL Profile Specification, section 1.3.5.
const SGX = '1.2.840.113741.1.13.1'
const TCB = `${SGX}.2`
const PCE_ID = `${SGX}.3`
const FMSPC = `${SGX}.4`
const COMPONENTS = 16

/** What Intel certifies of a platform. */
export interface Platform {
  /** Which kind it is, 6 bytes in upper-case hex. */
  readonly fmspc: string
  /** 2 bytes in upper-case hex. */
  readonly pceId: string
  /** The security versions of its 16 components. */
  readonly svns: readonly number[]
  readonly pceSvn: number
}

/** What the certificate of a platform's key says of it. @throws Wrong where it says nothing. */
export function platformOf(certificate: X509Certificate): Platform {
  const values = valuesIn(extensionOf(certificate, SGX))
  const tcb = values.get(TCB)
  sure(tcb !== undefined, 'the certificate of the platform tells no TCB')
  const levels = valuesIn(tcb)
  const svns = Array.from({ length: COMPONENTS }, (_, index) => numberOf(levels.get(`${TCB}.${index + 1}`)))
  return {
    fmspc: hex(values.get(FMSPC)),
    pceId: hex(values.get(PCE_ID)),
    svns,
    pceSvn: numberOf(levels.get(`${TCB}.${COMPONENTS + 1}`)),
  }
}

function valuesIn(list: Der): ReadonlyMap<string, Der> {
  const pairs = sequence(list).map(sequence)
  return new Map(pairs.flatMap(([id, value]) => (value ? [[oidOf(id), value] as const] : [])))
}

function hex(value: Der | undefined): string {
  sure(value !== undefined, 'the certificate of the platform does not say what it is')
  return Buffer.from(value.content).toString('hex').toUpperCase()
}

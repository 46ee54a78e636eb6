import { malformed } from './replies.ts'

/** TDX, as a quote's header names it. */
const TDX = 0x81
/** What a simulated quote has in its place: no TEE has this type, and whoever verifies a header stops there. */
export const SIMULATED = 0xffff_ffff

// Intel TDX DCAP quote format: a header of 48 bytes, in version 5 the kind and length of the body, and the body.
const HEADER_BYTES = 48
const DESCRIPTOR_BYTES = 6
const TEE_TYPE_AT = 4
const VENDOR_AT = 12
const VENDOR_BYTES = 16
/** Of the signature's data, in front of it. */
const LENGTH_BYTES = 4

/** The fields of a TD report's body, in their order, with their bytes. */
export const BODY_FIELDS = [
  ['teeTcbSvn', 16],
  ['mrSeam', 48],
  ['mrSignerSeam', 48],
  ['seamAttributes', 8],
  ['tdAttributes', 8],
  ['xfam', 8],
  ['mrTd', 48],
  ['mrConfigId', 48],
  ['mrOwner', 48],
  ['mrOwnerConfig', 48],
  ['rtmr0', 48],
  ['rtmr1', 48],
  ['rtmr2', 48],
  ['rtmr3', 48],
  ['reportData', 64],
] as const
const TD_1_0_BYTES = 584
/** TD 1.5 adds 16 bytes of TCB SVN and the 48 of a service TD. */
const TD_1_5_BYTES = 648

type Field = (typeof BODY_FIELDS)[number][0]

/** A TDX quote of version 4 or 5, taken apart. Nothing of it is verified here. */
export interface Quote {
  readonly version: 4 | 5
  readonly teeType: number
  readonly vendor: Uint8Array
  readonly body: Readonly<Record<Field, Uint8Array>>
  /** What the attestation key signs: everything before the signature. */
  readonly signed: Uint8Array
  /** What follows: the length of the signature's data, and that data. */
  readonly signature: Uint8Array
}

/** Takes a quote apart. @throws Problem `agent_failed` when it is none, or of another version. */
export function parseQuote(bytes: Uint8Array): Quote {
  if (bytes.length < HEADER_BYTES + DESCRIPTOR_BYTES) throw malformed('a quote that is cut short')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const version = view.getUint16(0, true)
  if (version !== 4 && version !== 5) throw malformed(`a quote of version ${version}`)
  const teeType = view.getUint32(TEE_TYPE_AT, true)
  // Version 4 is spoken by SGX as well, whose body is another.
  if (teeType !== TDX && teeType !== SIMULATED) throw malformed('a quote of another TEE')
  const [at, length] = version === 4 ? ([HEADER_BYTES, TD_1_0_BYTES] as const) : bodyOf(view)
  const end = at + length + LENGTH_BYTES
  if (bytes.length < end || bytes.length - end < view.getUint32(end - LENGTH_BYTES, true))
    throw malformed('a quote that is cut short')
  return {
    version,
    teeType,
    vendor: bytes.subarray(VENDOR_AT, VENDOR_AT + VENDOR_BYTES),
    body: fieldsAt(bytes, at),
    signed: bytes.subarray(0, at + length),
    signature: bytes.subarray(at + length),
  }
}

/** The same quote with a header that says that no TEE made it. */
export function simulated(quote: Uint8Array): Uint8Array {
  const marked = new Uint8Array(quote)
  new DataView(marked.buffer).setUint32(TEE_TYPE_AT, SIMULATED, true)
  return marked.fill(0, VENDOR_AT, VENDOR_AT + VENDOR_BYTES)
}

function bodyOf(view: DataView): readonly [at: number, length: number] {
  const [kind, length] = [view.getUint16(HEADER_BYTES, true), view.getUint32(HEADER_BYTES + 2, true)]
  const expected = kind === 2 ? TD_1_0_BYTES : kind === 3 ? TD_1_5_BYTES : undefined
  if (length !== expected) throw malformed('a quote with the body of something else')
  return [HEADER_BYTES + DESCRIPTOR_BYTES, length]
}

function fieldsAt(bytes: Uint8Array, bodyAt: number): Quote['body'] {
  let at = bodyAt
  const fields = BODY_FIELDS.map(([name, length]) => {
    at += length
    return [name, bytes.subarray(at - length, at)] as const
  })
  return Object.fromEntries(fields) as Quote['body']
}

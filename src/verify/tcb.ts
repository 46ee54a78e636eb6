import type { Quote } from '../tee/quote.ts'
import { sure } from './check.ts'
import type { QeReport } from './evidence.ts'
import type { Platform } from './pck.ts'

/** How up to date a part is, as Intel has it. */
interface Standing {
  readonly status: string
  readonly advisories: readonly string[]
}

interface Level {
  readonly tcb: {
    readonly isvsvn: number
    readonly pcesvn: number
    readonly sgxtcbcomponents: readonly { readonly svn: number }[]
    readonly tdxtcbcomponents: readonly { readonly svn: number }[]
  }
  readonly tcbStatus: string
  readonly advisoryIDs?: readonly string[]
}

interface Module {
  readonly mrsigner: string
  readonly attributes: string
  readonly attributesMask: string
}

interface TcbInfo {
  readonly id: string
  readonly version: number
  readonly tcbType: number
  readonly fmspc: string
  readonly pceId: string
  readonly tdxModule: Module
  readonly tdxModuleIdentities?: readonly (Module & { readonly id: string; readonly tcbLevels: readonly Level[] })[]
  readonly tcbLevels: readonly Level[]
}

/** The enclave's identity by Intel's document. @throws Wrong where it is another, or not up to date */
export function judgeQe(document: string, qe: QeReport): string {
  const told = JSON.parse(document)
  sure(told.id === 'TD_QE' && told.version === 2, 'the document is not about the quoting enclave of TDX')
  sure(isMasked(qe.miscSelect, told.miscselect, told.miscselectMask), 'other MISCSELECT than Intel’s enclave')
  sure(isMasked(qe.attributes, told.attributes, told.attributesMask), 'other attributes than Intel’s enclave')
  sure(isHex(qe.mrSigner, told.mrsigner), 'another signer than Intel’s enclave')
  sure(qe.productId === told.isvprodid, 'another product than Intel’s enclave')
  return upToDate('the quoting enclave', standing(svnLevel(told.tcbLevels, qe.svn)))
}

/** The platform's and the TDX module's standing by Intel's document. @throws Wrong unless all are up to date */
export function judgeTcb(document: string, { body }: Quote, platform: Platform): string {
  const told: TcbInfo = JSON.parse(document)
  sure(told.id === 'TDX' && told.version === 3 && told.tcbType === 0, 'the document is not about TDX')
  sure(told.fmspc.toUpperCase() === platform.fmspc, `the document is about FMSPC ${told.fmspc}, not ${platform.fmspc}`)
  sure(told.pceId.toUpperCase() === platform.pceId, `the document is about PCE ${told.pceId}, not ${platform.pceId}`)
  // Levels come from the newest to the oldest: the first that is reached counts.
  const level = told.tcbLevels.find(({ tcb }) => isReached(tcb, body.teeTcbSvn, platform))
  return [upToDate('the platform', standing(level)), judgeModule(told, body)].join('; ')
}

/** A module newer than the first has a version of its own, in the second byte, and levels of its own. */
function judgeModule(told: TcbInfo, { teeTcbSvn, mrSignerSeam, seamAttributes }: Quote['body']): string {
  const [svn = 0, version = 0] = teeTcbSvn
  const name = `TDX_${version.toString(16).padStart(2, '0').toUpperCase()}`
  const identity = told.tdxModuleIdentities?.find(({ id }) => id.toUpperCase() === name)
  const expected = version === 0 ? told.tdxModule : identity
  sure(expected !== undefined, `the document knows no TDX module ${name}`)
  sure(isHex(mrSignerSeam, expected.mrsigner), 'another signer of the TDX module than Intel')
  const { attributes, attributesMask } = expected
  sure(isMasked(seamAttributes, attributes, attributesMask), 'other attributes than Intel’s TDX module')
  return version === 0 || !identity
    ? 'the TDX module is Intel’s'
    : upToDate('the TDX module', standing(svnLevel(identity.tcbLevels, svn)))
}

/** Of modules with a version, the first two bytes are judged by that module's own levels. */
function isReached({ sgxtcbcomponents, tdxtcbcomponents, pcesvn }: Level['tcb'], tdx: Uint8Array, has: Platform) {
  const from = (tdx[1] ?? 0) > 0 ? 2 : 0
  return (
    sgxtcbcomponents.length === has.svns.length &&
    tdxtcbcomponents.length === tdx.length &&
    sgxtcbcomponents.every(({ svn }, index) => (has.svns[index] ?? 0) >= svn) &&
    has.pceSvn >= pcesvn &&
    tdxtcbcomponents.every(({ svn }, index) => index < from || (tdx[index] ?? 0) >= svn)
  )
}

const svnLevel = (levels: readonly Level[], svn: number) => levels.find(({ tcb }) => tcb.isvsvn <= svn)

function standing(level: Level | undefined): Standing {
  sure(level !== undefined, 'no matching TCB level')
  return { status: level.tcbStatus, advisories: level.advisoryIDs ?? [] }
}

function upToDate(what: string, { status, advisories }: Standing): string {
  const noted = advisories.length > 0 ? ` (${advisories.join(', ')})` : ''
  sure(status === 'UpToDate', `${what} is ${status}${noted}`)
  return `${what} is ${status}${noted}`
}

const isHex = (bytes: Uint8Array, hex: string) => Buffer.from(bytes).equals(Buffer.from(hex, 'hex'))

function isMasked(bytes: Uint8Array, hex: string, maskHex: string): boolean {
  const [expected, mask] = [Buffer.from(hex, 'hex'), Buffer.from(maskHex, 'hex')]
  return (
    mask.length === bytes.length &&
    expected.length === bytes.length &&
    mask.every((bits, index) => ((bytes[index] ?? 0) & bits) === ((expected[index] ?? 0) & bits))
  )
}

import 'reflect-metadata'
import { createHash } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import type { Collateral } from '../../src/tee/collateral.ts'

/** When all that is made here is in force. */
export const AT = Date.parse('2026-06-01T00:00:00Z')
const [FROM, TO] = [new Date('2026-01-01T00:00:00Z'), new Date('2027-01-01T00:00:00Z')]
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const FMSPC = '10c06f000000'

type Dates = readonly [from: Date, to: Date]

/** What is wrong with an Intel of one's own; nothing is, if nothing is said. */
export interface Twist {
  readonly leafDates?: Dates
  readonly leafFmspc?: string
  readonly leafPceId?: string
  readonly leafIssuer?: string
  readonly leafName?: string
  readonly authorityName?: string
  readonly authorityIsNone?: boolean
  readonly authorityCritical?: boolean
  readonly revoked?: 'leaf' | 'authority' | 'signer'
  readonly forgedList?: 'root' | 'platforms'
  readonly listDates?: Dates
  readonly documentDates?: Dates
  readonly tcb?: Readonly<Record<string, unknown>>
  readonly qe?: Readonly<Record<string, unknown>>
  readonly signedByPlatform?: boolean
  readonly signerName?: string
  readonly listIssuer?: string
  readonly listIsPartial?: boolean
  /** What is put in place of what is published. */
  readonly changed?: (collateral: Collateral) => Partial<Collateral>
  readonly chain?: (chain: readonly string[]) => readonly string[]
}

/** An Intel of one's own: a root, a platform that it certified, and what it publishes of it. */
export interface Intel {
  readonly root: string
  /** The platform's key. */
  readonly platform: CryptoKey
  /** PEM, as a quote carries it. */
  readonly chain: string
  readonly collateral: Collateral
}

export const newKeys = () => crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']) as Promise<CryptoKeyPair>

/** Signs as Intel's documents and quotes are signed: r and s. */
export async function signed(key: CryptoKey, bytes: Uint8Array | string): Promise<Buffer> {
  return Buffer.from(await crypto.subtle.sign(ECDSA, key, new Uint8Array(Buffer.from(bytes))))
}

/** The keys are made once: only what is signed with them differs. */
const keys = Promise.all([newKeys(), newKeys(), newKeys(), newKeys()])

/** Makes one. */
export async function intel(twist: Twist = {}): Promise<Intel> {
  const [rootKeys, authorityKeys, leafKeys, signerKeys] = await keys
  const root = await certificate({ name: 'Intel SGX Root CA', serial: '01', keys: rootKeys, ca: true })
  const byRoot = { issuer: root, issuerKey: rootKeys.privateKey }
  const authority = await certificate({
    name: twist.authorityName ?? 'Intel SGX PCK Platform CA',
    serial: '02',
    keys: authorityKeys,
    ca: twist.authorityIsNone !== true,
    extra: twist.authorityCritical ? [new x509.Extension('1.2.3.4', true, Buffer.from('0500', 'hex'))] : [],
    ...byRoot,
  })
  const leaf = await certificate({
    name: twist.leafName ?? 'Intel SGX PCK Certificate',
    serial: '03',
    keys: leafKeys,
    dates: twist.leafDates,
    extra: [new x509.Extension('1.2.840.113741.1.13.1', false, platformExtension(twist))],
    issuer: authority,
    issuerName: twist.leafIssuer,
    issuerKey: authorityKeys.privateKey,
  })
  const signer = await certificate({
    name: twist.signerName ?? 'Intel SGX TCB Signing',
    serial: '04',
    keys: signerKeys,
    ...byRoot,
  })
  const forger = (which: 'root' | 'platforms', own: CryptoKey) =>
    twist.forgedList === which ? leafKeys.privateKey : own
  const serials = { leaf: '03', authority: '02', signer: '04' }
  const isLeaf = twist.revoked === 'leaf'
  const revoked = twist.revoked ? [serials[twist.revoked]] : []
  const rootList = await list(root, forger('root', rootKeys.privateKey), isLeaf ? [] : revoked, twist)
  const platformList = await list(
    authority,
    forger('platforms', authorityKeys.privateKey),
    isLeaf ? revoked : [],
    twist,
  )
  const chain = [leaf, authority, root].map(one => one.toString('pem'))
  const signing = twist.signedByPlatform ? leafKeys.privateKey : signerKeys.privateKey
  const [tcb, qe] = [JSON.stringify(tcbInfo(twist)), JSON.stringify(qeIdentity(twist))]
  const signers = `${twist.signedByPlatform ? chain.join('\n') : [signer, root].map(one => one.toString('pem')).join('\n')}\n`
  const collateral: Collateral = {
    pck_crl_issuer_chain: `${chain.slice(1).join('\n')}\n`,
    root_ca_crl: rootList,
    pck_crl: platformList,
    tcb_info_issuer_chain: signers,
    tcb_info: tcb,
    tcb_info_signature: (await signed(signing, tcb)).toString('hex'),
    qe_identity_issuer_chain: signers,
    qe_identity: qe,
    qe_identity_signature: (await signed(signing, qe)).toString('hex'),
  }
  return {
    root: createHash('sha256').update(Buffer.from(root.rawData)).digest('hex'),
    platform: leafKeys.privateKey,
    chain: (twist.chain?.(chain) ?? chain).join('\n'),
    collateral: { ...collateral, ...twist.changed?.(collateral) },
  }
}

interface Certified {
  name: string
  serial: string
  keys: CryptoKeyPair
  ca?: boolean
  dates?: Dates | undefined
  extra?: readonly x509.Extension[]
  issuer?: x509.X509Certificate
  issuerName?: string | undefined
  issuerKey?: CryptoKey
}

function certificate({ name, serial, keys, ca = false, dates, extra = [], issuer, issuerName, issuerKey }: Certified) {
  const [notBefore, notAfter] = dates ?? [FROM, TO]
  const usage = ca ? x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign : x509.KeyUsageFlags.digitalSignature
  return x509.X509CertificateGenerator.create({
    serialNumber: serial,
    subject: `CN=${name}, O=Test, C=US`,
    issuer: issuerName ?? issuer?.subject ?? `CN=${name}, O=Test, C=US`,
    notBefore,
    notAfter,
    signingAlgorithm: ECDSA,
    publicKey: keys.publicKey,
    signingKey: issuerKey ?? keys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(ca, undefined, true),
      new x509.KeyUsagesExtension(usage, true),
      ...extra,
    ],
  })
}

async function list(
  issuer: x509.X509Certificate,
  signingKey: CryptoKey,
  revoked: readonly string[],
  { listDates, listIssuer, listIsPartial }: Twist,
) {
  const [thisUpdate, nextUpdate] = listDates ?? [FROM, TO]
  const made = await x509.X509CrlGenerator.create({
    issuer: listIssuer ?? issuer.subject,
    // An issuing distribution point: it is a list of some certificates only.
    extensions: listIsPartial ? [new x509.Extension('2.5.29.28', true, Buffer.from('30038301ff', 'hex'))] : [],
    thisUpdate,
    nextUpdate,
    entries: revoked.map(serialNumber => ({ serialNumber, revocationDate: FROM })),
    signingAlgorithm: ECDSA,
    signingKey,
  })
  return Buffer.from(made.rawData).toString('hex')
}

const components = (svn: number) => Array.from({ length: 16 }, () => ({ svn }))

function tcbInfo({ tcb, documentDates: [from, to] = [FROM, TO] }: Twist) {
  const identity = { mrsigner: '00'.repeat(48), attributes: '00'.repeat(8), attributesMask: 'FF'.repeat(8) }
  return {
    ...{
      id: 'TDX',
      version: 3,
      issueDate: from,
      nextUpdate: to,
      fmspc: FMSPC.toUpperCase(),
      pceId: '0000',
      tcbType: 0,
    },
    tdxModule: identity,
    tdxModuleIdentities: [{ id: 'TDX_01', ...identity, tcbLevels: [{ tcb: { isvsvn: 5 }, tcbStatus: 'UpToDate' }] }],
    tcbLevels: [
      {
        tcb: { sgxtcbcomponents: components(3), pcesvn: 11, tdxtcbcomponents: components(2) },
        tcbStatus: 'UpToDate',
      },
      {
        tcb: { sgxtcbcomponents: components(1), pcesvn: 5, tdxtcbcomponents: components(0) },
        tcbStatus: 'OutOfDate',
        advisoryIDs: ['INTEL-SA-00001'],
      },
    ],
    ...tcb,
  }
}

function qeIdentity({ qe, documentDates: [from, to] = [FROM, TO] }: Twist) {
  return {
    ...{ id: 'TD_QE', version: 2, issueDate: from, nextUpdate: to, miscselect: '00000000', miscselectMask: 'FFFFFFFF' },
    attributes: '11000000000000000000000000000000',
    attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
    ...{ mrsigner: 'DC'.repeat(32), isvprodid: 2, tcbLevels: [{ tcb: { isvsvn: 4 }, tcbStatus: 'UpToDate' }] },
    ...qe,
  }
}

const der = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts)
  const length = content.length < 128 ? [content.length] : [0x82, content.length >> 8, content.length & 255]
  return Buffer.concat([Buffer.of(tag, ...length), content])
}

function platformExtension({ leafFmspc = FMSPC, leafPceId = '0000' }: Twist): Buffer {
  const pair = (suffix: readonly number[], value: Buffer) =>
    der(0x30, der(0x06, Buffer.from('2a864886f84d010d01', 'hex'), Buffer.of(...suffix)), value)
  const svns = Array.from({ length: 16 }, (_, index) => pair([2, index + 1], der(0x02, Buffer.of(3))))
  const tcb = der(0x30, ...svns, pair([2, 17], der(0x02, Buffer.of(11))))
  const octets = (hex: string) => der(0x04, Buffer.from(hex, 'hex'))
  return der(0x30, pair([2], tcb), pair([3], octets(leafPceId)), pair([4], octets(leafFmspc)))
}

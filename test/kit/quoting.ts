import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { digestOf, type LogEvent, replay } from '../../src/tee/event-log.ts'
import { BODY_FIELDS } from '../../src/tee/quote.ts'
import { type Intel, newKeys, signed } from './intel.ts'

/** What is wrong with a quote; nothing is, if nothing is said. */
export interface QuoteTwist {
  /** Fields of the body, in hex. */
  readonly body?: Partial<Record<(typeof BODY_FIELDS)[number][0], string>>
  readonly qe?: { readonly mrSigner?: string; readonly svn?: number; readonly attributes?: string }
  /** Version, kind of key and TEE: 8 bytes in hex. */
  readonly head?: string
  readonly vendor?: string
  readonly isUnbound?: boolean
  readonly isForged?: boolean
}

const attestationKeys = newKeys()

/** A quote of version 4 that a platform signs, over these fields. */
export async function quoteBy({ platform, chain }: Intel, twist: QuoteTwist): Promise<Buffer> {
  const { publicKey, privateKey } = await attestationKeys
  const point = Buffer.from(await crypto.subtle.exportKey('raw', publicKey)).subarray(1)
  const { head = '0400020081000000', vendor = VENDOR } = twist
  const header = Buffer.concat([
    Buffer.from(head, 'hex'),
    Buffer.alloc(4),
    Buffer.from(vendor, 'hex'),
    Buffer.alloc(20),
  ])
  const fields: Record<string, string> = {
    tdAttributes: '0000001000000000',
    teeTcbSvn: `0501${'02'.repeat(14)}`,
    ...twist.body,
  }
  const body = BODY_FIELDS.map(([name, length]) => padded(Buffer.from(fields[name] ?? '', 'hex'), length))
  const told = Buffer.concat([header, ...body])
  const authData = Buffer.alloc(32, 7)
  const bound = twist.isUnbound ? Buffer.alloc(32) : createHash('sha256').update(point).update(authData).digest()
  const report = qeReport(bound, twist)
  const certified = Buffer.concat([report, await signed(platform, report), u16(32), authData, u16(5), sized(chain)])
  const signature = await signed(twist.isForged ? platform : privateKey, told)
  return Buffer.concat([told, sized(Buffer.concat([signature, point, u16(6), sized(certified)]))])
}

const VENDOR = '939a7233f79c4ca9940a0db3957f0607'
const padded = (bytes: Uint8Array, length: number) => Buffer.concat([bytes, Buffer.alloc(length)], length)
const u16 = (value: number) => Buffer.of(value & 255, value >> 8)

function sized(content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  return Buffer.concat([length, bytes])
}

function qeReport(
  bound: Buffer,
  { qe: { mrSigner = 'dc'.repeat(32), svn = 4, attributes = '1100000000000000' } = {} }: QuoteTwist,
) {
  const [signer, own] = [Buffer.from(mrSigner, 'hex'), padded(Buffer.from(attributes, 'hex'), 16)]
  const head = [Buffer.alloc(48), own, Buffer.alloc(64), signer, Buffer.alloc(96)]
  return Buffer.concat([...head, u16(2), u16(svn), Buffer.alloc(60), padded(bound, 64)])
}

export const COMPOSE = JSON.stringify({ manifest_version: 2, name: 'gateway', key_provider_id: '' })
export const COMPOSE_HASH = createHash('sha256').update(COMPOSE).digest('hex')
export const SPKI = 'ab'.repeat(32)
const KEYSET = {
  ed25519: { role: 'receipt', epoch: 1, public_key: '01', address: '0102' },
  tls_spki_sha256: SPKI,
}
export const SETTINGS = { tee: 'dstack', backends: ['tinfoil'] }
const STATEMENT = { purpose: 'sealgate.report_data.v1', version: '1', commit: 'x', keyset: KEYSET, settings: SETTINGS }

const event = (name: string, payload: string): LogEvent => {
  const plain = {
    imr: 3,
    type: 0x0800_0001,
    digest: Buffer.of(),
    name,
    payload: Buffer.from(payload, 'hex'),
    version: 1 as const,
  }
  return { ...plain, digest: digestOf(plain) }
}

/** The events of a start, and what an application may add. */
export const BOOT = [event('app-id', '11'.repeat(20)), event('compose-hash', COMPOSE_HASH), event('system-ready', '')]
export const own = event

export const logOf = (events: readonly LogEvent[]) =>
  events.map(({ imr, type, digest, name, payload }) => ({
    ...{ imr, event_type: type, event: name },
    digest: Buffer.from(digest).toString('hex'),
    event_payload: Buffer.from(payload).toString('hex'),
  }))

/** What is otherwise in a report. */
export interface ReportTwist extends QuoteTwist {
  readonly nonce: string
  readonly events?: readonly LogEvent[]
  readonly statement?: Readonly<Record<string, unknown>> | string
  readonly members?: Readonly<Record<string, unknown>>
}

/** A gateway's own part of a report, as its platform quotes it. */
export async function reportBy(maker: Intel, { nonce, events = BOOT, statement = {}, members, ...twist }: ReportTwist) {
  const text = typeof statement === 'string' ? statement : (canonicalize({ ...STATEMENT, ...statement }) ?? '')
  const reportData = createHash('sha256').update(text).digest('hex') + nonce
  const registers = replay(events).map((value, at) => [`rtmr${at}`, Buffer.from(value).toString('hex')])
  const body = { mrConfigId: `01${COMPOSE_HASH}`, ...Object.fromEntries(registers), reportData, ...twist.body }
  return {
    gateway_attestation: {
      ...{ mode: 'dstack', signing_algo: 'ed25519', signing_address: '0102', request_nonce: nonce },
      ...{ report_data: reportData, statement: text, app_compose: COMPOSE, event_log: JSON.stringify(logOf(events)) },
      intel_quote: (await quoteBy(maker, { ...twist, body })).toString('hex'),
      ...members,
    },
  }
}

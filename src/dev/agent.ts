import { createHash, hkdfSync } from 'node:crypto'
import { digestOf, type LogEvent, RUNTIME_EVENT, replay } from '../tee/event-log.ts'
import { BODY_FIELDS, simulated } from '../tee/quote.ts'
import type { Reach } from '../tee/sockets.ts'
import { tlsKeys } from './agent-tls.ts'

/** What a method is asked with, and what it gives; what it throws is told with a 400. */
type Methods = Readonly<Record<string, (asked: Readonly<Record<string, unknown>>) => unknown>>

const AGENT_VERSION = '0.5.8'
const EMPTY = new Uint8Array()

/**
 * A guest agent, played: dstack's methods in JSON, with keys from a seed and quotes that say that they are simulated.
 * Nothing is measured and nothing is signed.
 */
export function standInAgent({ seed, now = Date.now }: { seed: string; now?: () => number }) {
  const appCompose = composeOf(seed)
  const composeHash = sha256(appCompose)
  const events = bootEvents(composeHash)
  const vmConfig = JSON.stringify({ cpu_count: 2, memory_size: 4_294_967_296 })
  const log = JSON.stringify(events.map(told))
  const methods: Methods = {
    Info: () => ({
      app_id: composeHash.slice(0, 40),
      instance_id: sha256(`${seed} instance`).slice(0, 40),
      device_id: sha256(`${seed} device`),
      mr_aggregated: sha256(`${seed} aggregated`),
      os_image_hash: OS_IMAGE,
      compose_hash: composeHash,
      app_name: 'sealgate-dev',
      app_cert: '',
      tcb_info: JSON.stringify({ ...registersOf(events), event_log: events.map(told), app_compose: appCompose }),
      key_provider_info: KEY_PROVIDER,
      vm_config: vmConfig,
    }),
    GetQuote: ({ report_data: given }) => {
      const reportData = paddedTo64(hexOf(given))
      const quote = Buffer.from(quoteOver(reportData, events, composeHash)).toString('hex')
      return { quote, event_log: log, report_data: Buffer.from(reportData).toString('hex'), vm_config: vmConfig }
    },
    GetKey: ({ path = '' }) => ({
      key: Buffer.from(hkdfSync('sha256', seed, '', `stand-in ${path}`, 32)).toString('hex'),
      signature_chain: ['', ''],
    }),
    GetTlsKey: tlsKeys(now),
    Version: () => ({ version: AGENT_VERSION, rev: '' }),
  }
  const reach: Reach = async (method, body) => answer(methods, method, body)
  return { reach, appCompose }
}

/** As prpc answers: what a method gives in compact JSON, else a 400 in pretty JSON. */
function answer(methods: Methods, method: string, body: string): Response {
  try {
    const known = Object.hasOwn(methods, method) ? methods[method] : undefined
    if (!known) throw new Error(`Service not found: ${method}`)
    return Response.json(known(Object(JSON.parse(body || '{}'))))
  } catch (error) {
    const text = JSON.stringify({ error: error instanceof Error ? error.message : 'failed' }, null, 2)
    return new Response(text, { status: 400, headers: { 'content-type': 'application/json' } })
  }
}

const OS_IMAGE = sha256('stand-in os image')
const KEY_PROVIDER = JSON.stringify({ name: 'stand-in', id: '' })

/** Its name has letters of two bytes: a client that counts letters stumbles over them. */
function composeOf(seed: string): string {
  const compose = `services:\n  sealgate:\n    image: example.com/sealgate@sha256:${sha256(seed)}\n`
  return JSON.stringify({ manifest_version: 2, name: 'Probe für sealgate', docker_compose_file: compose })
}

function bootEvents(composeHash: string): readonly LogEvent[] {
  const firmware = [0, 0, 1, 2].map((imr, index) => ({
    imr,
    type: 0x8000_0000 + index,
    digest: new Uint8Array(createHash('sha384').update(`stand-in firmware ${index}`).digest()),
    name: '',
    payload: EMPTY,
    version: 1,
  }))
  const runtime: readonly (readonly [string, string])[] = [
    ['system-preparing', ''],
    ['app-id', composeHash.slice(0, 40)],
    ['compose-hash', composeHash],
    ['instance-id', sha256(composeHash).slice(0, 40)],
    ['boot-mr-done', ''],
    ['os-image-hash', OS_IMAGE],
    ['key-provider', Buffer.from(KEY_PROVIDER).toString('hex')],
    ['storage-fs', Buffer.from('ext4').toString('hex')],
    ['system-ready', ''],
  ]
  return [...firmware, ...runtime.map(([name, payload]) => runtimeEvent(name, payload))]
}

function runtimeEvent(name: string, payload: string): LogEvent {
  const event = { imr: 3, type: RUNTIME_EVENT, digest: EMPTY, name, payload: hexOf(payload), version: 1 }
  return { ...event, digest: digestOf(event) }
}

function told({ imr, type, digest, name, payload }: LogEvent) {
  const [hash, content] = [digest, payload].map(bytes => Buffer.from(bytes).toString('hex'))
  return { imr, event_type: type, digest: hash, event: name, event_payload: content }
}

function registersOf(events: readonly LogEvent[]): Record<string, string> {
  return Object.fromEntries(replay(events).map((value, n) => [`rtmr${n}`, Buffer.from(value).toString('hex')]))
}

/** Version 4, as TDX has it, but for a header that says what it is, and a signature of zeros. */
function quoteOver(reportData: Uint8Array, events: readonly LogEvent[], composeHash: string): Uint8Array {
  const header = Buffer.alloc(48)
  header.writeUInt16LE(4)
  header.writeUInt16LE(2, 2)
  const values: Partial<Record<string, Uint8Array>> = {
    ...Object.fromEntries(replay(events).map((value, n) => [`rtmr${n}`, value])),
    mrConfigId: Buffer.from(`01${composeHash}`, 'hex'),
    tdAttributes: Buffer.from('0000001000000000', 'hex'),
    reportData,
  }
  const body = BODY_FIELDS.map(([name, length]) => Buffer.concat([values[name] ?? EMPTY, Buffer.alloc(length)], length))
  const signature = Buffer.alloc(4 + 128)
  signature.writeUInt32LE(128)
  return simulated(Buffer.concat([header, ...body, signature]))
}

function hexOf(given: unknown): Uint8Array {
  const text = String(given ?? '').replace(/^0x/, '')
  if (!/^(?:[\da-f]{2})*$/i.test(text)) throw new Error('Invalid hex')
  return new Uint8Array(Buffer.from(text, 'hex'))
}

function paddedTo64(bytes: Uint8Array): Uint8Array {
  if (bytes.length > 64) throw new Error('Report data is too long')
  return Buffer.concat([bytes, Buffer.alloc(64)], 64)
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

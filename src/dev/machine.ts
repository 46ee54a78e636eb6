import { createHash } from 'node:crypto'
import { digestOf, type LogEvent, replay } from '../tee/event-log.ts'
import { BODY_FIELDS, simulated } from '../tee/quote.ts'

/** The type of dstack's own events. */
const RUNTIME_EVENT = 0x0800_0001
const EMPTY = new Uint8Array()
const OS_IMAGE = sha256('stand-in os image')
const VM_CONFIG = JSON.stringify({ cpu_count: 2, memory_size: 4_294_967_296 })

/** A machine that measured nothing: what a guest agent tells of it, and quotes over what it is told to have measured. */
export function machine(seed: string) {
  const appCompose = composeOf(seed)
  const composeHash = sha256(appCompose)
  const appId = composeHash.slice(0, 40)
  return {
    appCompose,
    appId,
    /** The same, once it has booted with this provider of keys. */
    booted: (keyProvider: string) => {
      const events = bootEvents(composeHash, keyProvider)
      const log = events.map(told)
      const eventLog = JSON.stringify(log)
      return {
        info: {
          app_id: appId,
          instance_id: sha256(composeHash).slice(0, 40),
          device_id: sha256(`${seed} device`),
          mr_aggregated: sha256(`${seed} aggregated`),
          os_image_hash: OS_IMAGE,
          compose_hash: composeHash,
          app_name: 'sealgate-dev',
          app_cert: '',
          tcb_info: JSON.stringify({ ...registersOf(events), event_log: log, app_compose: appCompose }, null, 2),
          key_provider_info: keyProvider,
          vm_config: VM_CONFIG,
        },
        quoted: (reportData: Uint8Array) => ({
          quote: hex(quoteOver(reportData, events, composeHash)),
          event_log: eventLog,
          report_data: hex(reportData),
          vm_config: VM_CONFIG,
        }),
      }
    },
  }
}

/** Its name has letters of two bytes: a client that counts letters stumbles over them. */
function composeOf(seed: string): string {
  const compose = `services:\n  sealgate:\n    image: example.com/sealgate@sha256:${sha256(seed)}\n`
  return JSON.stringify({ manifest_version: 2, name: 'Probe für sealgate', docker_compose_file: compose })
}

function bootEvents(composeHash: string, keyProvider: string): readonly LogEvent[] {
  const firmware = [0, 0, 1, 2].map(
    (imr, index): LogEvent => ({
      imr,
      type: 0x8000_0000 + index,
      digest: new Uint8Array(createHash('sha384').update(`stand-in firmware ${index}`).digest()),
      name: '',
      payload: EMPTY,
      version: 1,
    }),
  )
  const runtime: readonly (readonly [string, string])[] = [
    ['system-preparing', ''],
    ['app-id', composeHash.slice(0, 40)],
    ['compose-hash', composeHash],
    ['instance-id', sha256(composeHash).slice(0, 40)],
    ['boot-mr-done', ''],
    ['os-image-hash', OS_IMAGE],
    ['key-provider', hex(Buffer.from(keyProvider))],
    ['storage-fs', hex(Buffer.from('ext4'))],
    ['system-ready', ''],
  ]
  return [...firmware, ...runtime.map(([name, payload]) => runtimeEvent(name, payload))]
}

function runtimeEvent(name: string, payload: string): LogEvent {
  const bytes = Buffer.from(payload, 'hex')
  const event: LogEvent = { imr: 3, type: RUNTIME_EVENT, digest: EMPTY, name, payload: bytes, version: 1 }
  return { ...event, digest: digestOf(event) }
}

function told({ imr, type, digest, name, payload }: LogEvent) {
  return { imr, event_type: type, digest: hex(digest), event: name, event_payload: hex(payload) }
}

function registersOf(events: readonly LogEvent[]): Record<string, string> {
  return Object.fromEntries(replay(events).map((value, n) => [`rtmr${n}`, hex(value)]))
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

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

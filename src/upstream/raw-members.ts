import { readObject } from '../protocol/json.ts'
import type { Listener } from '../protocol/json-reading.ts'
import { Problem } from '../protocol/problem.ts'

/** Members of an object that we answer with, by the names that are ours. */
const OURS = [
  'gateway_attestation',
  'chat_api_gateway_attestation',
  'cloud_api_gateway_attestation',
  'tinfoil_attestation',
  'upstream_error',
] as const

/** A member of a JSON object: its name, and its value as it is written. */
function rawMember(name: (typeof OURS)[number], value: Uint8Array | string): Uint8Array {
  return Buffer.concat([Buffer.from(`"${name}":`), Buffer.from(value)])
}

// Reports have 12 levels.
const MOST_DEPTH = 32
// What is below it in valid JSON is a blank too.
const BLANK = 0x20

/**
 * The members of a backend's report, byte for byte, whatever they are; its `gateway_attestation` becomes our
 * `cloud_api_gateway_attestation`.
 * @throws Problem `upstream_malformed` when it is no such report, or has another member that we answer with ourselves.
 */
export async function membersOfReport(bytes: Uint8Array): Promise<readonly Uint8Array[]> {
  const begins: number[] = []
  const { members } = await read(bytes, OURS, at => begins.push(at))
  const { gateway_attestation: own, ...others } = members
  if (!own) throw malformed('has no gateway_attestation')
  if (Object.keys(others).length > 0) throw malformed('has a member that this gateway answers with itself')
  return begins.map((from, index) => {
    const to = begins[index + 1] ?? bytes.length
    const isOwn = from < own.from && own.from < to
    return isOwn
      ? rawMember('cloud_api_gateway_attestation', bytes.subarray(own.from, own.to))
      : bytes.subarray(from, endBefore(bytes, to))
  })
}

/** A document as a member, once it was seen to be a JSON object. @throws Problem `upstream_malformed` */
export async function documentMember(name: (typeof OURS)[number], bytes: Uint8Array): Promise<Uint8Array> {
  await read(bytes, [], () => undefined)
  return rawMember(name, bytes)
}

/** Reads an object that stands in ours, which nothing in it may make unreadable; `begins` hears of its own members. */
async function read(bytes: Uint8Array, names: readonly (typeof OURS)[number][], begins: (at: number) => void) {
  try {
    return await readObject(bytes, names, everywhere(bytes, begins))
  } catch (error) {
    // Our reader's words are of its bytes' places alone, but speak of a body.
    throw error instanceof Problem ? malformed('is no JSON that everybody reads in one and the same way', error) : error
  }
}

/** Refuses what readers of JSON stop at: serde_json at half a surrogate pair and numbers beyond all, .NET at depth 64. */
function everywhere({ buffer, byteOffset, length }: Uint8Array, begins: (at: number) => void): Listener {
  const bytes = Buffer.from(buffer, byteOffset, length)
  let depth = 0
  return {
    key: (name, at) => {
      sure(name.isWellFormed())
      if (depth === 1) begins(at)
    },
    opens: () => sure(++depth <= MOST_DEPTH),
    closes: () => void depth--,
    text: ({ from, to }) => {
      const text = bytes.toString('utf8', from, to)
      sure(!text.includes('\\u') || String(JSON.parse(text)).isWellFormed())
    },
    // None of fewer than five characters is too large.
    scalar: (_, from, to) => sure(to - from < 5 || isBounded(Number.parseFloat(bytes.toString('latin1', from, to)))),
  }
}

/** What is no number, as `false`, has no bound to pass. */
const isBounded = (value: number) => Math.abs(value) !== Number.POSITIVE_INFINITY

function sure(isSound: boolean): void {
  if (!isSound) throw malformed('has what some readers stop at')
}

/** Where a member ends whose follower, or whose object's end, is the last thing before a place. */
function endBefore(bytes: Uint8Array, place: number): number {
  return blanksBefore(bytes, blanksBefore(bytes, place) - 1)
}

function blanksBefore(bytes: Uint8Array, place: number): number {
  let at = place
  while (at > 0 && (bytes[at - 1] ?? 0) <= BLANK) at--
  return at
}

function malformed(how: string, cause?: unknown): Problem {
  return new Problem('upstream_malformed', `The report of the upstream ${how}.`, { cause })
}

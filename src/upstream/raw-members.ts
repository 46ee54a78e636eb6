import { readObject } from '../protocol/json.ts'
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

// What is below it in valid JSON is a blank too.
const BLANK = 0x20

/**
 * The members of a backend's report, byte for byte, whatever they are; its `gateway_attestation` becomes our
 * `cloud_api_gateway_attestation`.
 * @throws Problem `upstream_malformed` when it is no such report, or has another member that we answer with ourselves.
 */
export async function membersOfReport(bytes: Uint8Array): Promise<readonly Uint8Array[]> {
  const begins: number[] = []
  let depth = 0
  const { members } = await read(bytes, OURS, {
    key: (_, at) => void (depth === 1 && begins.push(at)),
    opens: () => void depth++,
    closes: () => void depth--,
    text: () => undefined,
    scalar: () => undefined,
  })
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
  await read(bytes, [])
  return rawMember(name, bytes)
}

async function read(...given: Parameters<typeof readObject<(typeof OURS)[number]>>) {
  try {
    return await readObject(...given)
  } catch (error) {
    // Our reader's words are of its bytes' places alone, but speak of a body.
    throw error instanceof Problem ? malformed('is no JSON that one can read in one way only', error) : error
  }
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

import type { Collateral } from '../../tee/collateral.ts'
import { imageDigests } from '../../tee/images.ts'
import type { Algorithm, SigningKeys } from '../../tee/signing.ts'
import type { Tee } from '../../tee/tee.ts'
import type { Reported } from '../../upstream/reports.ts'
import type { Proof } from './proof.ts'

interface Told {
  readonly mode: Tee['mode']
  readonly signing: SigningKeys
  readonly algorithm: Algorithm
  /** As the client wrote it. */
  readonly nonce: string
  readonly proof: Proof
  /** What Intel publishes about the machine, where that is asked for. */
  readonly collateral: Collateral | undefined
  readonly reported: Reported
}

/** A report as JSON, in pieces to be joined: our own part first, then what backends said, byte for byte. */
export function reportOf({ reported, ...own }: Told): readonly Uint8Array[] {
  const { members, failures } = reported
  const failed = Object.keys(failures).length > 0 && { upstream_error: failures }
  const ours = JSON.stringify({ ...ownMembers(own), ...failed })
  const pieces = members.flatMap(member => [COMMA, member])
  return [Buffer.from(ours.slice(0, -1)), ...pieces, END]
}

const SLICE_BYTES = 65_536

/** The same as a body that is copied while its client reads it: what is kept for all is held once, however slow they are. */
export async function* slices(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces)
    for (let at = 0; at < piece.length; at += SLICE_BYTES) yield piece.subarray(at, at + SLICE_BYTES)
}

const COMMA = Buffer.from(',')
const END = Buffer.from('}')

function ownMembers({ mode, signing, algorithm, nonce, proof, collateral }: Omit<Told, 'reported'>) {
  const { quoted, info, differing } = proof
  const shared = {
    signing_address: signing[algorithm].address,
    signing_algo: algorithm,
    request_nonce: nonce,
    intel_quote: hexOf(quoted.quote),
    info: info.told,
  }
  return {
    gateway_attestation: {
      ...shared,
      mode,
      report_data: hexOf(proof.reportData),
      statement: proof.statement,
      event_log: quoted.eventLog,
      app_compose: info.appCompose,
      image_digests: imageDigests(info.appCompose),
      vm_config: quoted.vmConfig ?? null,
      ...(collateral && { collateral }),
      replay: differing.length === 0 ? 'ok' : `differs: ${differing.join(', ')}`,
    },
    // In the types of NEAR AI's chat-api, for clients of theirs.
    chat_api_gateway_attestation: { ...shared, event_log: JSON.parse(quoted.eventLog) },
  }
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

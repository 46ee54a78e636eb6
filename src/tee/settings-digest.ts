import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'

/** SHA-256, in hex, of stated settings in canonical JSON (RFC 8785): how a receipt says under which of them it was made. */
export function settingsDigestOf(settings: object): string {
  return createHash('sha256')
    .update(canonicalize(settings) ?? '')
    .digest('hex')
}

const ALPHABET = /^[A-Za-z0-9_-]*$/

/**
 * The bytes of a canonical base64url text (RFC 4648 section 5, no padding), or `null`: a character outside the
 * alphabet, an impossible length, or unused bits that are not zero. One value has one spelling.
 */
export function fromBase64Url(text: string): Uint8Array | null {
  if (!ALPHABET.test(text) || text.length % 4 === 1) return null
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : null
}

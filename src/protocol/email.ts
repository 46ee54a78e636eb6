/** Whether a text has the form of an e-mail address: something, one `@`, and something. */
export function isEmail(text: string): boolean {
  return /^[^\s@]+@[^\s@]+$/.test(text)
}

/**
 * An e-mail address as two are compared: ASCII letters in small, and nothing else changed. In Unicode other characters
 * than `K` become a `k` (U+212A), and who has such an address would be somebody else.
 */
export function foldedEmail(address: string): string {
  return address.replace(/[A-Z]/g, letter => letter.toLowerCase())
}

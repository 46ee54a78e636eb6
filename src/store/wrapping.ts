import { hkdfSync } from 'node:crypto'
import { FieldFault, fields } from './fields.ts'

/** Wraps keys that can no longer be derived, under a key derived from the root for that alone. */
export interface Wrapping {
  wrap(role: string, key: Uint8Array): string
  /** `undefined` for what this root did not wrap for this role. */
  unwrap(role: string, value: string): Uint8Array | undefined
}

/** The key is HKDF-SHA256 of the root; a wrapped key is its hex, sealed as a field with its role as the row. */
export function wrapping(root: Uint8Array): Wrapping {
  const { seal, open } = fields(new Uint8Array(hkdfSync('sha256', root, '', 'sealgate wrap v1', 32)))
  const placeOf = (role: string) => ({ table: 'wrapped_keys', column: 'value', row: role })
  return {
    wrap: (role, key) => seal(placeOf(role), Buffer.from(key).toString('hex')),
    unwrap: (role, value) => {
      try {
        return new Uint8Array(Buffer.from(open(placeOf(role), value), 'hex'))
      } catch (error) {
        if (error instanceof FieldFault) return undefined
        throw error
      }
    },
  }
}

import type { Secret } from '../protocol/secret.ts'

/** A place that answers inference requests. */
export interface Backend {
  readonly name: 'tinfoil'
  /** Where it is: origin and path prefix, no query. */
  readonly base: URL
  /** Our key there; it replaces the caller's token. */
  readonly key: Secret
}

/** Tinfoil: enclaves that open EHBP-sealed bodies. */
export function tinfoil(baseUrl: string, key: Secret): Backend {
  return { name: 'tinfoil', base: new URL(baseUrl), key }
}

/** The path of a resource below a base URL, the base's prefix kept. */
export function pathAt({ pathname }: URL, path: string): string {
  return pathname.replace(/\/+$/, '') + path
}

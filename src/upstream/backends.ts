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

/** The path of a backend's resource, its base's prefix kept. */
export function pathAt({ base }: Backend, path: string): string {
  return base.pathname.replace(/\/+$/, '') + path
}

import { Problem } from '../protocol/problem.ts'
import { type Backend, pathAt } from './backends.ts'
import type { Call } from './call.ts'

const JSON_DOCUMENT = { accept: 'application/json', withinMs: 10_000, maxBytes: 1_048_576 }
const HPKE_KEYS = { accept: 'application/ohttp-keys', withinMs: 10_000, maxBytes: 4096 }

interface Issuer {
  call: Call
  /** The key set's URL, or `undefined` to find it through the issuer. */
  jwksUrl: string | undefined
  issuer: string | undefined
}

/** Fetches the issuer's key set, its URL from OpenID Connect Discovery 1.0 (section 4) where none is given. */
export function keySetSource({ call, jwksUrl, issuer }: Issuer): () => Promise<unknown> {
  const fetchJson = async (url: string) => readJson(await call({ ...JSON_DOCUMENT, url }))
  return async () => {
    if (jwksUrl !== undefined) return fetchJson(jwksUrl)
    const document = await fetchJson(`${issuer?.replace(/\/+$/, '')}/.well-known/openid-configuration`)
    const { issuer: named, jwks_uri: url } = Object(document)
    if (named !== issuer || typeof url !== 'string')
      throw new Problem('upstream_malformed', 'The discovery document names another issuer, or no jwks_uri.')
    return fetchJson(url)
  }
}

/** Fetches a backend's HPKE key configuration, without our key: it is public, and not authenticated. */
export function hpkeKeysSource(call: Call, backend: Backend): () => Promise<Uint8Array> {
  const url = new URL(backend.base)
  url.pathname = pathAt(url, '/.well-known/hpke-keys')
  return () => call({ ...HPKE_KEYS, url: url.href })
}

/** Fetches the attestation bundle that clients verify for themselves; it needs no key and proves nothing by our hand. */
export function attestationSource(call: Call, atcUrl: string): () => Promise<Uint8Array> {
  return () => call({ ...JSON_DOCUMENT, url: `${atcUrl}/attestation` })
}

/** The parser's own words quote what it reads, and are dropped. */
function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new Problem('upstream_malformed', 'The other server answered with something that is not JSON.')
  }
}

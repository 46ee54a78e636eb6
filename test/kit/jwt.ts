import { exportJWK, generateKeyPair, type JWK } from 'jose'

/** Any JSON text or bytes as a base64url part of a token. */
export function part(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return Buffer.from(text).toString('base64url')
}

/** Signs tokens with one P-256 key, whatever their header and claims say. */
export interface Signer {
  readonly kid: string
  /** The public key as it stands in a key set. */
  readonly jwk: JWK
  readonly publicKey: CryptoKey
  /** A token of these claims; `header` replaces fields of the usual one. */
  sign(claims: unknown, header?: Record<string, unknown>): Promise<string>
}

export async function signer(kid: string): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'ES256' }
  return {
    kid,
    jwk,
    publicKey,
    sign: async (claims, header = {}) => {
      const signed = `${part({ alg: 'ES256', typ: 'at+jwt', kid, ...header })}.${part(claims)}`
      const algorithm = { name: 'ECDSA', hash: 'SHA-256' }
      const signature = await crypto.subtle.sign(algorithm, privateKey, Buffer.from(signed))
      return `${signed}.${Buffer.from(signature).toString('base64url')}`
    },
  }
}

/** A key set on loopback, whose answer a test may change. */
export interface Published {
  readonly url: string
  /** How often it was asked. */
  fetches: number
  answer: () => Response | Promise<Response>
  stop(): Promise<void>
}

/** Publishes these entries as a key set. */
export function publish(...entries: unknown[]): Published {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    reusePort: false,
    development: false,
    fetch: () => {
      published.fetches++
      return published.answer()
    },
  })
  const published: Published = {
    url: new URL('/jwks.json', server.url).href,
    fetches: 0,
    answer: () => Response.json({ keys: entries }),
    stop: () => server.stop(true),
  }
  return published
}

import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose'

const DAY_SECONDS = 86_400

/** What a test token says. */
export interface TokenClaims {
  issuer: string
  audience: string
  subject?: string
  scope?: string
  /** Seconds the token is good for; a day unless given. */
  seconds?: number
}

/** An issuer of test tokens, with a key set served on loopback. Its key lives as long as the process. */
export interface DevIssuer {
  readonly jwksUrl: string
  token(claims: TokenClaims): Promise<string>
  stop(): Promise<void>
}

/** Makes a P-256 key and serves its public half as a key set on a free loopback port. */
export async function devIssuer(): Promise<DevIssuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = await exportJWK(publicKey)
  const kid = await calculateJwkThumbprint(jwk)
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    reusePort: false,
    development: false,
    fetch: () => Response.json({ keys: [{ ...jwk, kid, use: 'sig', alg: 'ES256' }] }),
  })
  return {
    jwksUrl: new URL('/jwks.json', server.url).href,
    token: ({ issuer, audience, subject = 'dev-user', scope = 'inference', seconds = DAY_SECONDS }) =>
      new SignJWT({ scope })
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(subject)
        .setIssuedAt()
        .setExpirationTime(`${seconds} seconds`)
        .sign(privateKey),
    stop: () => server.stop(true),
  }
}

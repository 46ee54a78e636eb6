import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { AUDIENCE, ISSUER } from '../claim.ts'

/** Tokens that are wrong in one thing each. */
export const WRONGS = ['expired', 'signed by another', 'by an unknown key', 'cut short'] as const
export type Wrong = (typeof WRONGS)[number]

interface SigningKey {
  readonly kid: string
  readonly jwk: JWK
  readonly privateKey: CryptoKey
}

/** A token service whose keys change: a new one is in the set some time before it signs. */
export async function rotatingIssuer() {
  let keys: readonly SigningKey[] = [await made()]
  const stranger = await made()
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    reusePort: false,
    development: false,
    fetch: () => Response.json({ keys: keys.map(({ jwk }) => jwk) }),
  })
  const current = () => keys[0] ?? stranger
  return {
    jwksUrl: new URL('/jwks.json', server.url).href,
    token: (subject: string) => signed(current(), current().kid, subject, '1 hour'),
    wrong: async (wrong: Wrong, subject: string): Promise<string> => {
      const { kid } = current()
      if (wrong === 'expired') return signed(current(), kid, subject, '-1 hour')
      if (wrong === 'signed by another') return signed(stranger, kid, subject, '1 hour')
      if (wrong === 'by an unknown key') return signed(stranger, stranger.kid, subject, '1 hour')
      return (await signed(current(), kid, subject, '1 hour')).slice(0, -20)
    },
    /** Puts a new key into the set; gives what lets it sign, and what takes the old one out. */
    rotate: async () => {
      const [old, next] = [current(), await made()]
      keys = [old, next]
      return {
        begin: () => {
          keys = [next, old]
        },
        end: () => {
          keys = [next]
        },
      }
    },
    stop: () => server.stop(true),
  }
}

async function made(): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = await exportJWK(publicKey)
  const kid = await calculateJwkThumbprint(jwk)
  return { kid, privateKey, jwk: { ...jwk, kid, use: 'sig', alg: 'ES256' } }
}

function signed({ privateKey }: SigningKey, kid: string, subject: string, expires: string): Promise<string> {
  return new SignJWT({ scope: 'inference' })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(privateKey)
}

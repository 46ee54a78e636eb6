import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import { Problem } from '../../protocol/problem.ts'
import { kept } from '../../upstream/kept.ts'
import type { oauthClient, Registration } from './oauth.ts'

interface Deps extends Pick<Registration, 'clientId' | 'now'> {
  readonly name: string
  readonly issuer: string
  readonly client: ReturnType<typeof oauthClient>
}

const HOUR = 3_600_000
const SKEW_SECONDS = 30
// No `none`, and none by a shared secret: whoever knows that could write tokens for anybody.
const ALGORITHMS = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ')

/** What an issuer publishes of itself, kept for an hour, and its ID tokens (OpenID Connect Core 1.0, section 3.1.3.7). */
export function openIdIssuer({ name, issuer, client, clientId, now }: Deps) {
  const url = new URL(issuer)
  const published = kept({ load: () => orMalformed(name, discover), now, keptMs: HOUR })
  const keys = kept({ load: () => orMalformed(name, loadKeys), now, keptMs: HOUR })

  async function discover() {
    const server = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, client.http))
    // OpenID Connect Discovery 1.0 section 4.3: character by character; the library compares URLs. It names accounts.
    if (server.issuer !== issuer) throw new TypeError('another issuer')
    const { authorization_endpoint, jwks_uri } = server
    return { server, authorize: client.endpoint(authorization_endpoint), keys: client.endpoint(jwks_uri) }
  }

  async function loadKeys() {
    const { href } = (await published.get()).keys
    const document = await client.getJson(href, { accept: 'application/jwk-set+json, application/json' })
    // It throws for whatever is not a key set.
    return createLocalJWKSet(document as JSONWebKeySet)
  }

  return {
    /** @throws Problem `upstream_…` */
    published: published.get,
    /** The claims of a token whose signature, issuer, audience and times are good; a key not seen before is looked up. */
    verify: async (token: string): Promise<JWTPayload> => {
      const { server } = await published.get()
      const rules = {
        algorithms: ALGORITHMS,
        issuer: server.issuer,
        audience: clientId,
        requiredClaims: ['exp', 'iat', 'sub'],
        currentDate: new Date(now()),
        clockTolerance: SKEW_SECONDS,
      }
      const check = async () => (await jwtVerify(token, await keys.get(), rules)).payload
      const claims = await check().catch(error => {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
        keys.drop()
        return check()
      })
      // oauth4webapi looks at it only where there are several audiences.
      if (claims['azp'] !== undefined && claims['azp'] !== clientId) throw new TypeError('issued to another client')
      return claims
    },
  }
}

async function orMalformed<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (cause) {
    if (cause instanceof Problem) throw cause
    const message = `What ${name} publishes for sign-in cannot be used: try again later, or another way.`
    throw new Problem('upstream_malformed', message, { cause })
  }
}

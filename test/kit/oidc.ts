import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import type { Provider } from 'oidc-provider'

/** An OpenID Connect provider on loopback, in this process: npm `oidc-provider`, with people who are always at hand. */
export interface FakeOidc {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  /** Who signs in next, by login name, and what is told of them; in a browser that has none of its cookies. */
  person: string
  readonly accounts: Record<string, Record<string, unknown>>
  /** Whether the next person cancels. */
  cancels: boolean
  /** Whether each question is a page with a button, for a browser; else it is answered as soon as it is asked. */
  hasPages: boolean
  stop(): Promise<void>
}

interface Options {
  /** Claims by login name; Ada, verified, unless given. */
  accounts?: FakeOidc['accounts']
  /** Whether the claims of `email` and `profile` are in the ID token too; else UserInfo alone has them. */
  inIdToken?: boolean
}

const ADA = { email: 'ada@example.com', email_verified: true, name: 'Ada', picture: 'https://a.example/ada.png' }

/** Requires PKCE, says `iss` in its answers, and sends back to whatever redirect URI it is asked for. */
export async function startOidc({ accounts = { ada: ADA }, inIdToken = true }: Options = {}): Promise<FakeOidc> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const fake: FakeOidc = {
    issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    clientId: 'sealgate',
    clientSecret: randomUUID(),
    person: 'ada',
    accounts,
    cancels: false,
    hasPages: false,
    stop: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
  const provider = await quietly(async () => {
    const { Provider } = await import('oidc-provider')
    return new Provider(fake.issuer, await configuration(fake, inIdToken))
  })
  provider.Client.prototype.redirectUriAllowed = () => true
  const answer = provider.callback()
  server.on('request', (request, response) => {
    if (!request.url?.startsWith('/interaction/')) return answer(request, response)
    interact(provider, fake, request, response).catch(error => response.destroy(error))
  })
  return fake
}

async function configuration(fake: FakeOidc, inIdToken: boolean) {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  return {
    clients: [
      {
        client_id: fake.clientId,
        client_secret: fake.clientSecret,
        redirect_uris: ['https://anywhere.example/'],
      },
    ],
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'picture', 'hd'],
    },
    conformIdTokenClaims: !inIdToken,
    cookies: { keys: [randomUUID()] },
    features: { devInteractions: { enabled: false } },
    findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id, ...fake.accounts[id] }) }),
    interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'one', use: 'sig', alg: 'RS256' }] },
    pkce: { required: () => true },
    ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 60, IdToken: 60, Interaction: 60, Session: 60 },
  }
}

const page = (prompt: string) =>
  `<!doctype html><title>${prompt}</title><form method="post"><button>Yes</button></form>`

/** Answers each question of the provider: who it is, and yes. */
async function interact(provider: Provider, fake: FakeOidc, request: IncomingMessage, response: ServerResponse) {
  const { prompt, params } = await provider.interactionDetails(request, response)
  if (fake.hasPages && request.method === 'GET')
    return response.setHeader('content-type', 'text/html').end(page(prompt.name))
  const finish = (result: object) => provider.interactionFinished(request, response, result)
  if (fake.cancels) return finish({ error: 'access_denied', error_description: 'the person said no' })
  if (prompt.name === 'login') return finish({ login: { accountId: fake.person } })
  const grant = new provider.Grant({ accountId: fake.person, clientId: fake.clientId })
  grant.addOIDCScope(params['scope'] ?? '')
  return finish({ consent: { grantId: await grant.save() } })
}

/** It warns of being run by Bun, and with its keys and sessions in memory. */
async function quietly<T>(act: () => Promise<T>): Promise<T> {
  const { warn, info } = console
  const hush = () => undefined
  Object.assign(console, { warn: hush, info: hush })
  try {
    return await act()
  } finally {
    Object.assign(console, { warn, info })
  }
}

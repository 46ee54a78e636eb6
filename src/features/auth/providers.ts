import type { Secret } from '../../protocol/secret.ts'
import { githubProvider } from './github.ts'
import type { Registration } from './oauth.ts'
import { oidcProvider } from './oidc.ts'
import type { Provider } from './provider.ts'

/** The settings of sign-in. */
export interface ProviderSettings {
  /** Where browsers reach this gateway, without a slash at its end. */
  readonly PUBLIC_URL?: string | undefined
  readonly GOOGLE_CLIENT_ID?: string | undefined
  readonly GOOGLE_CLIENT_SECRET?: Secret | undefined
  readonly GOOGLE_BASE_URL?: string | undefined
  readonly GITHUB_CLIENT_ID?: string | undefined
  readonly GITHUB_CLIENT_SECRET?: Secret | undefined
  readonly GITHUB_BASE_URL?: string | undefined
  readonly OIDC_ISSUER?: string | undefined
  readonly OIDC_CLIENT_ID?: string | undefined
  readonly OIDC_CLIENT_SECRET?: Secret | undefined
  readonly OIDC_NAME: string
  readonly OIDC_TRUST_EMAIL: boolean
}

type Shared = Omit<Registration, 'clientId' | 'clientSecret'>

// A provider of OpenID Connect is a row with its issuer.
const ROWS: readonly ((settings: ProviderSettings, shared: Shared) => Provider | undefined)[] = [
  ({ GOOGLE_CLIENT_ID: clientId, GOOGLE_CLIENT_SECRET: clientSecret, GOOGLE_BASE_URL: base }, shared) => {
    if (clientId === undefined || clientSecret === undefined) return undefined
    const issuer = base ?? 'https://accounts.google.com'
    const trust = { emails: 'required', hasDomains: true } as const
    return oidcProvider({ ...shared, id: 'google', name: 'Google', issuer, clientId, clientSecret, ...trust })
  },
  ({ GITHUB_CLIENT_ID: clientId, GITHUB_CLIENT_SECRET: clientSecret, GITHUB_BASE_URL: base }, shared) => {
    if (clientId === undefined || clientSecret === undefined) return undefined
    return githubProvider({ ...shared, base, clientId, clientSecret })
  },
  ({ OIDC_CLIENT_ID: clientId, OIDC_CLIENT_SECRET: clientSecret, OIDC_ISSUER: issuer, ...settings }, shared) => {
    if (clientId === undefined || clientSecret === undefined || issuer === undefined) return undefined
    const trust = { emails: settings.OIDC_TRUST_EMAIL ? 'trusted' : 'told', hasDomains: false } as const
    return oidcProvider({ ...shared, id: 'oidc', name: settings.OIDC_NAME, issuer, clientId, clientSecret, ...trust })
  },
]

/** Those whose credentials are there. */
export function providers(settings: ProviderSettings, deps: Pick<Shared, 'send' | 'now'>): readonly Provider[] {
  const { PUBLIC_URL } = settings
  if (PUBLIC_URL === undefined) return []
  const shared = { ...deps, redirectUri: `${PUBLIC_URL}/v1/auth/callback` }
  return ROWS.flatMap(row => row(settings, shared) ?? [])
}

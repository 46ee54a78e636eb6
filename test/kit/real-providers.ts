import { signInOptions } from '../../src/config/sign-in.ts'
import type { SignInOptions } from '../../src/features/auth/flow.ts'
import { providers } from '../../src/features/auth/providers.ts'
import { calls } from '../../src/upstream/call.ts'
import { dev } from './config.ts'
import { type FakeGithub, startGithub } from './github.ts'
import { type FakeOidc, startOidc } from './oidc.ts'

const { send } = calls()

type Env = Readonly<Record<string, string>>

/** Each of the three, in this process. */
export interface RealProviders {
  readonly google: FakeOidc
  readonly github: FakeGithub
  readonly oidc: FakeOidc
  /** What an operator sets for all of them. */
  readonly env: Env
  stop(): Promise<void>
}

export async function realProviders(): Promise<RealProviders> {
  const [google, oidc] = [await startOidc(), await startOidc({ inIdToken: false })]
  const github = startGithub()
  return {
    ...{ google, github, oidc },
    env: {
      GOOGLE_CLIENT_ID: google.clientId,
      GOOGLE_CLIENT_SECRET: google.clientSecret,
      GOOGLE_BASE_URL: google.issuer,
      GITHUB_CLIENT_ID: github.clientId,
      GITHUB_CLIENT_SECRET: github.clientSecret,
      GITHUB_BASE_URL: github.base,
      OIDC_ISSUER: oidc.issuer,
      OIDC_CLIENT_ID: oidc.clientId,
      OIDC_CLIENT_SECRET: oidc.clientSecret,
    },
    stop: async () => {
      await Promise.all([google.stop(), github.stop(), oidc.stop()])
    },
  }
}

/** How people sign in, from settings as an operator gives them. */
export function signInBy(env: Env): Partial<SignInOptions> {
  const { config } = dev(env)
  return { ...signInOptions(config), providers: providers(config, { send, now: Date.now }) }
}

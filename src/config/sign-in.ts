import { PROVIDERS } from '../settings/sign-in.ts'
import type { Config } from '../settings.ts'

/** What sign-in is told of the configuration, its providers apart. */
interface SignInOptions {
  /** The gateway's own address in browsers, without a slash at its end. */
  readonly publicUrl: string
  /** Where a sign-in returns that asks for no other place, without a slash at its end. */
  readonly frontendUrl: string | undefined
  /** The origins to which a sign-in may return. */
  readonly callbackOrigins: readonly string[]
  /** Whether a sign-in ends with the session itself in the URL, in place of a code. */
  readonly sessionInRedirect: boolean
}

/** The options of sign-in, or `undefined` where no provider is configured. */
export function signInOptions(config: Partial<Config>): SignInOptions | undefined {
  const { PUBLIC_URL: publicUrl, SESSION_IN_REDIRECT: sessionInRedirect = false } = config
  const { FRONTEND_CALLBACK_ALLOWED_ORIGINS: allowed, FRONTEND_DIR } = config
  if (publicUrl === undefined || PROVIDERS.every(key => config[key] === undefined)) return undefined
  // Whoever lists the origins says where a sign-in may end.
  const isHere = FRONTEND_DIR !== undefined && (allowed?.includes(new URL(publicUrl).origin) ?? true)
  const frontendUrl = config.FRONTEND_URL ?? (isHere ? publicUrl : undefined)
  const callbackOrigins = allowed ?? (frontendUrl === undefined ? [] : [new URL(frontendUrl).origin])
  return { publicUrl, frontendUrl, callbackOrigins, sessionInRedirect }
}

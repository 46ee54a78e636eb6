import type { Config } from '../settings.ts'
import type { Reach } from '../tee/sockets.ts'
import { standInAgent } from './agent.ts'
import { banner } from './banner.ts'
import { devIssuer } from './issuer.ts'
import { standIns } from './stand-ins.ts'

/** What dev mode puts in the place of all that an operator would have to sign up for. */
export interface DevMode {
  readonly settings: Partial<Config>
  /** The guest agent. */
  readonly reach: Reach
  /** What a person at the terminal should know, with lines to paste. */
  banner(url: string): Promise<string>
  stop(): Promise<void>
}

const NAME = 'sealgate-dev'

/** Starts what was not given: an issuer of test tokens, and stand-ins for both backends if no real one is there. */
export async function devMode(given: Config): Promise<DevMode> {
  const { ISSUER = NAME, AUDIENCES = [NAME] } = given
  const issuer = given.JWKS_URL === undefined ? await devIssuer() : undefined
  // Both or none: beside a real backend a stand-in would get some of what is meant for it.
  const played = given.TINFOIL_API_KEY || given.OPENAI_BASE_URL ? undefined : await standIns()
  const backends = { ...given, ...played?.settings }
  return {
    reach: standInAgent({ seed: NAME }).reach,
    settings: { JWKS_URL: given.JWKS_URL ?? issuer?.jwksUrl, ISSUER, AUDIENCES, ...played?.settings },
    banner: async url => {
      const token = await issuer?.token({ issuer: ISSUER, audience: AUDIENCES[0] ?? NAME })
      return banner({ url, token, backends, isPlayed: played !== undefined })
    },
    stop: async () => {
      await Promise.all([issuer?.stop(), played?.stop()])
    },
  }
}

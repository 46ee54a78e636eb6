import { Secret } from '../protocol/secret.ts'
import type { Config } from '../settings.ts'
import { standInEnclave } from './enclave.ts'
import { devIssuer } from './issuer.ts'

type Given = Pick<
  Config,
  'JWKS_URL' | 'ISSUER' | 'AUDIENCES' | 'TINFOIL_API_KEY' | 'TINFOIL_BASE_URL' | 'TINFOIL_ATC_URL'
>

/** What dev mode puts in the place of all that an operator would have to sign up for. */
export interface DevMode {
  readonly settings: Given
  /** What a person at the terminal should know, with lines to paste. */
  banner(url: string): Promise<string>
  stop(): Promise<void>
}

const NAME = 'sealgate-dev'

/** Starts what was not given: an issuer of test tokens, and a stand-in enclave if there is no key for a real one. */
export async function devMode(given: Given): Promise<DevMode> {
  const { ISSUER = NAME, AUDIENCES = [NAME] } = given
  const issuer = given.JWKS_URL === undefined ? await devIssuer() : undefined
  const key = given.TINFOIL_API_KEY ?? new Secret(`tk_stand_in_${crypto.randomUUID()}`)
  const enclave = given.TINFOIL_API_KEY === undefined ? await standInEnclave({ key: key.reveal() }) : undefined
  return {
    settings: {
      JWKS_URL: given.JWKS_URL ?? issuer?.jwksUrl,
      ISSUER,
      AUDIENCES,
      TINFOIL_API_KEY: key,
      TINFOIL_BASE_URL: enclave?.url ?? given.TINFOIL_BASE_URL,
      TINFOIL_ATC_URL: enclave?.url ?? given.TINFOIL_ATC_URL,
    },
    banner: async url => {
      const token = await issuer?.token({ issuer: ISSUER, audience: AUDIENCES[0] ?? NAME })
      return `\n${behind(enclave?.url, given.TINFOIL_BASE_URL)}\n\n${tryIt(url, token, enclave ? 'stand-in-small' : 'gpt-oss-120b')}\n`
    },
    stop: async () => {
      await Promise.all([issuer?.stop(), enclave?.stop()])
    },
  }
}

function behind(standIn: string | undefined, real: string): string {
  if (standIn === undefined) return `DEV MODE. Behind it is ${real}, with your key.`
  return [
    `DEV MODE. Behind it is a STAND-IN ENCLAVE at ${standIn}: it opens and seals bodies for real,`,
    'but no model answers and nothing is attested. Set TINFOIL_API_KEY to reach the real one.',
  ].join('\n')
}

function tryIt(url: string, token: string | undefined, model: string): string {
  if (token === undefined) return 'Tokens come from JWKS_URL; without it, one for a day is printed here.'
  const bearer = '-H "Authorization: Bearer $TOKEN"'
  const chat = (stream: boolean) => {
    const body = { model, stream, messages: [{ role: 'user', content: 'Hello' }] }
    return `curl -sN -w '\\n' ${url}/v1/chat/completions ${bearer} -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`
  }
  return [
    'Paste this for a session of a user, who has settings and API keys:',
    '',
    `curl -s -w '\\n' ${url}/v1/auth/mock-login -d '{"email":"ada@example.com"}'`,
    '',
    'Paste these: a token for a day; then models, chat, and chat as a stream.',
    '',
    `export TOKEN=${token}`,
    `curl -s -w '\\n' ${url}/v1/models ${bearer}`,
    chat(false),
    chat(true),
    '',
  ].join('\n')
}

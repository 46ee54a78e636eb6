import { headerToken, list, text, url } from '../protocol/kinds.ts'
import type { Setting } from './setting.ts'
import { PROVIDERS } from './sign-in.ts'

/** Who may call, and the key that pays for it. */
export const callers = {
  TINFOIL_API_KEY: {
    kind: headerToken,
    secret: true,
    requiredOr: ['TINFOIL_API_KEY_FILE', 'OPENAI_BASE_URL'],
    attested: false,
    what: 'The key that pays for inference in enclaves: it replaces the token of the caller on the way up.',
    why: 'Every operator has their own; those with OPENAI_BASE_URL may do without.',
  },
  JWKS_URL: {
    kind: url,
    requiredOr: ['ISSUER', ...PROVIDERS],
    attested: true,
    what: 'Where the public keys that sign the tokens of callers are published.',
    why: 'Operators whose callers bring JWTs: it names the sign-in service that is trusted with them.',
  },
  ISSUER: {
    kind: text,
    unset: 'any issuer',
    attested: true,
    what: 'The `iss` that a token must carry, compared exactly; without JWKS_URL its discovery document names the keys.',
    why: 'Every operator: one key set may sign for several issuers.',
  },
  AUDIENCES: {
    kind: list,
    unset: 'any audience',
    attested: true,
    what: 'The `aud` values that are accepted, between commas; a token must carry one of them.',
    why: 'Every operator: a token meant for another application must not pass here.',
  },
} as const satisfies Readonly<Record<string, Setting>>

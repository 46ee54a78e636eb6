import { SESSION_PREFIX } from '../protocol/credentials.ts'
import type { Principal } from '../protocol/principal.ts'
import { bearerToken } from '../protocol/token.ts'
import type { ApiKeys } from './api-keys.ts'
import type { Sessions } from './sessions.ts'
import type { Tokens } from './tokens.ts'

interface Deps {
  tokens: Tokens
  sessions: Sessions
  apiKeys: ApiKeys
}

/** Tells who calls by an `Authorization` header, at once where that was asked a moment ago. */
export type Callers = (authorization: string | null) => Principal | Promise<Principal>

/** Tells session tokens, API keys and JWTs apart by how they begin. */
export const callers =
  ({ tokens, sessions, apiKeys }: Deps): Callers =>
  authorization => {
    const token = bearerToken(authorization)
    if (token.startsWith(SESSION_PREFIX)) return sessions.find(token)
    return token.startsWith('sk-') ? apiKeys.find(token) : tokens(token)
  }

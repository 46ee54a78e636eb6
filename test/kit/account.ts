import type { Identity } from '../../src/features/auth/provider.ts'
import type { Kit } from './gateway.ts'

/** A signed-in user's requests. */
export interface Account {
  readonly user: string
  readonly session: string
  readonly headers: { readonly authorization: string }
  ask(method: string, path: string, body?: unknown): Promise<Response>
  /** The same, and what the answer says. */
  told<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T>
}

/** Signs a user in; paths are below `/v1`. */
export async function account(kit: Kit, who?: string | Identity): Promise<Account> {
  const { authorization, user, session } = await kit.signIn(who)
  return { user, session, ...by(kit, authorization) }
}

/** Requests by whatever token. */
export function by(kit: Kit, authorization: string): Pick<Account, 'headers' | 'ask' | 'told'> {
  const headers = { authorization }
  const ask: Account['ask'] = (method, path, body) =>
    fetch(`${kit.url}/v1${path}`, { method, headers, body: body === undefined ? null : JSON.stringify(body) })
  return {
    headers,
    ask,
    told: async <T>(method: string, path: string, body?: unknown) =>
      (await (await ask(method, path, body)).json()) as T,
  }
}

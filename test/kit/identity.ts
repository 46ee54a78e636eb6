import type { Identity } from '../../src/features/auth/provider.ts'

/** Somebody new, whom Google knows by a proven address, unless told otherwise. */
export function identity(given: Partial<Identity> = {}): Identity {
  return {
    ...{ provider: 'google', issuer: 'https://accounts.google.com', subject: crypto.randomUUID() },
    ...{ email: `${crypto.randomUUID()}@example.com`, isProven: true },
    ...{ name: null, avatarUrl: null, domain: null },
    ...given,
  }
}

import { Elysia } from 'elysia'
import { type access, callerOf } from '../../gate/access.ts'
import type { Audit } from '../../gate/audit.ts'
import type { limited } from '../../gate/limited.ts'
import { revokeDetail } from '../../protocol/audit-docs.ts'
import { described } from '../../protocol/openapi.ts'
import { Problem } from '../../protocol/problem.ts'
import type { Credentials } from '../../upstream/backends.ts'
import { done } from './answers.ts'
import { requireNone } from './query.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  audit: Audit
  /** Absent where nothing is there to be forgotten. */
  revoke: Credentials['revoke']
}

/** The key of the login at a backend: operators take it back. */
export const adminVpc = ({ access, limited, audit, revoke }: Deps) =>
  new Elysia({ name: 'admin-vpc' })
    .use(access)
    .use(limited)
    .post(
      '/v1/admin/vpc/revoke',
      async ({ exchange }) => {
        requireNone(exchange.target.query)
        // Not a 204 for nothing: whoever asks has a key that must go, and would believe that it went.
        if (!revoke) throw noLogin()
        const admin = callerOf(exchange)
        await revoke(audit.entered({ admin, action: 'vpc.revoke', about: null, details: null }))
        return done()
      },
      { access: 'admin', limited: 'caller', parse: 'none', detail: described(() => revokeDetail()) },
    )

function noLogin(): Problem {
  return new Problem(
    'not_found',
    'This gateway logs in nowhere (VPC_SHARED_SECRET is not set), so it has no key to forget: one that is a setting is changed there, and by a restart.',
  )
}

import { Elysia } from 'elysia'
import type { access } from '../../gate/access.ts'
import type { Audit } from '../../gate/audit.ts'
import type { limited } from '../../gate/limited.ts'
import { auditDetail } from '../../protocol/audit-docs.ts'
import { described } from '../../protocol/openapi.ts'
import { told } from './answers.ts'
import { pageOf } from './query.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  audit: Audit
}

/** What administrators changed. */
export const adminAudit = ({ access, limited, audit }: Deps) =>
  new Elysia({ name: 'admin-audit' })
    .use(access)
    .use(limited)
    .get(
      '/v1/admin/audit',
      async ({ exchange }) => {
        const page = pageOf(exchange.target.query)
        const { entries, total } = await audit.list(page)
        const shown = entries.map(({ at, ...entry }) => ({ ...entry, at: new Date(at).toISOString() }))
        return told({ entries: shown, ...page, total })
      },
      { access: 'admin', limited: 'caller', detail: described(() => auditDetail()) },
    )

import { domains, emails, list, scopeWord } from '../protocol/kinds.ts'
import type { Setting } from './setting.ts'

/** Who may administer, and what else passes. */
export const operators = {
  AUTH_ADMIN_EMAILS: {
    kind: emails,
    unset: 'nobody, by address',
    attested: 'digest',
    what: 'Addresses whose owners administer, once a sign-in proved one: by Google, by GitHub, or by a trusted OIDC_ISSUER.',
    why: 'Operators who steer the gateway while it runs. API keys never administer.',
  },
  AUTH_ADMIN_DOMAINS: {
    kind: domains,
    unset: 'nobody, by domain',
    attested: 'digest',
    what: 'Domains of Google Workspace whose people all administer; not heeded beside AUTH_ADMIN_EMAILS.',
    why: 'Operators whose organisation is the list.',
  },
  ADMIN_SCOPE: {
    kind: scopeWord,
    unset: 'no JWT administers',
    attested: 'digest',
    what: 'The scope by which a JWT administers.',
    why: 'Operators whose token service knows who they are.',
  },
  PASSTHROUGH: {
    // Each entry is judged alone, so that a fault names it: `config/operator-judges`.
    kind: list,
    unset: 'none: whatever is not listed is a 404',
    attested: true,
    what: 'More routes of OPENAI_BASE_URL, as `POST /v1/rerank, GET /v1/jobs/:file_id`; ids in path and body must be the caller’s.',
    why: 'Operators whose backend has more than this gateway knows; its answers there are not sorted by caller.',
  },
} as const satisfies Readonly<Record<string, Setting>>

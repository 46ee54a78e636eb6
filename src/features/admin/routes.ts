import { Elysia } from 'elysia'
import { analytics } from './analytics/routes.ts'
import { adminAudit } from './audit.ts'
import { adminBans } from './bans.ts'
import { adminConfigs } from './configs.ts'
import { adminModels } from './models.ts'
import { adminUsers } from './users.ts'
import { adminVpc } from './vpc.ts'

type Room<Make extends (deps: never) => unknown> = Parameters<Make>[0]
type Deps = Room<typeof adminModels> &
  Room<typeof adminUsers> &
  Room<typeof adminBans> &
  Room<typeof analytics> &
  Room<typeof adminConfigs> &
  Room<typeof adminAudit> &
  Room<typeof adminVpc>

/** What operators steer while it runs, and what of it was changed. */
export const admin = (deps: Deps) =>
  new Elysia({ name: 'admin' })
    .use(adminModels(deps))
    .use(adminUsers(deps))
    .use(adminBans(deps))
    .use(analytics(deps))
    .use(adminConfigs(deps))
    .use(adminVpc(deps))
    .use(adminAudit(deps))

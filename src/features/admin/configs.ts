import { Elysia } from 'elysia'
import { type access, callerOf } from '../../gate/access.ts'
import type { Configs } from '../../gate/configs.ts'
import type { limited } from '../../gate/limited.ts'
import { configDetail, toldDetail } from '../../protocol/configs-docs.ts'
import type { Exchange } from '../../protocol/exchange.ts'
import { line, nullable, optional, readMembers } from '../../protocol/members.ts'
import { MOST_ID } from '../../protocol/model-rules.ts'
import { described } from '../../protocol/openapi.ts'
import type { OwnBody } from '../../upstream/own-body.ts'
import { told } from './answers.ts'
import { type ModelIds, requireListed } from './listed.ts'
import { requireNone, wantsForce } from './query.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  configs: Configs
  modelIds: ModelIds
  ownBody: OwnBody
}

const GUARD = { access: 'admin', limited: 'caller', parse: 'none' } as const
const PATH = '/v1/admin/configs'
const MEMBERS = { default_model: optional(nullable(line(MOST_ID))) }

/** What operators tell front ends: they change it, and whoever is signed in reads it. */
export const adminConfigs = (deps: Deps) => {
  const { access, limited, configs } = deps
  return new Elysia({ name: 'admin-configs' })
    .use(access)
    .use(limited)
    .get(
      '/v1/configs',
      async ({ exchange }) => {
        requireNone(exchange.target.query)
        const config = await configs.current()
        return told(Object.keys(config).length === 0 ? null : config)
      },
      { access: 'inference', limited: 'caller', detail: described(() => toldDetail()) },
    )
    .get(
      PATH,
      async ({ exchange }) => {
        requireNone(exchange.target.query)
        return told(await configs.current())
      },
      { ...GUARD, detail: described(() => configDetail('GET')) },
    )
    .patch(PATH, ({ request, exchange }) => change(request, exchange, deps), {
      ...GUARD,
      detail: described(() => configDetail('PATCH')),
    })
}

async function change(request: Request, exchange: Exchange, { ownBody, configs, modelIds }: Deps): Promise<Response> {
  const isForced = wantsForce(exchange.target.query)
  const given = await readMembers(await ownBody(request, exchange), MEMBERS)
  if (given.default_model && !isForced) await requireListed([given.default_model], modelIds)
  await configs.change(given, callerOf(exchange))
  return told(await configs.current())
}

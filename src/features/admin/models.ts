import { Elysia } from 'elysia'
import { type access, callerOf } from '../../gate/access.ts'
import type { limited } from '../../gate/limited.ts'
import type { Change, RuledModel, Rules } from '../../gate/rules.ts'
import { ruleDetail, rulesDetail } from '../../protocol/admin-docs.ts'
import type { Exchange } from '../../protocol/exchange.ts'
import { readObject } from '../../protocol/json.ts'
import { flag, invalidBody, line, nullable, optional, prose, readMembers } from '../../protocol/members.ts'
import { foldedModel, MOST_ID } from '../../protocol/model-rules.ts'
import { described } from '../../protocol/openapi.ts'
import { Problem } from '../../protocol/problem.ts'
import type { OwnBody } from '../../upstream/own-body.ts'
import { done, told } from './answers.ts'
import { type ModelIds, requireListed } from './listed.ts'
import { pageOf, requireNone, wantsForce } from './query.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  rules: Rules
  modelIds: ModelIds
  ownBody: OwnBody
}

const GUARD = { access: 'admin', limited: 'caller', parse: 'none' } as const
const PATH = '/v1/admin/models'
const SETTINGS = { public: optional(nullable(flag)), system_prompt: optional(nullable(prose(65_536))) }
const ID = line(MOST_ID)
// What `gate/target` refuses in a path could never be forgotten again.
const UNNAMEABLE = /[%\\]|^\/|\/\/|(?:^|\/)\.{1,2}(?:\/|$)/
// All of them are held in memory, and read every four seconds: a mebibyte takes 8 to 20 ms, in which nobody else is served.
const MOST_MODELS = 1000
const MOST_BYTES = 1_048_576

/** What operators rule about models: who may be asked, and what is said to it first. */
export const adminModels = (deps: Deps) => {
  const { access, limited, rules } = deps
  return new Elysia({ name: 'admin-models' })
    .use(access)
    .use(limited)
    .get(
      PATH,
      async ({ exchange }) => {
        const { limit, offset } = pageOf(exchange.target.query)
        const all = await rules.list()
        const models = all.slice(offset, offset + limit).map(shown)
        return told({ models, limit, offset, total: all.length })
      },
      { ...GUARD, detail: described(() => rulesDetail('GET')) },
    )
    .patch(PATH, ({ request, exchange }) => change(request, exchange, deps), {
      ...GUARD,
      detail: described(() => rulesDetail('PATCH')),
    })
    .delete(
      `${PATH}/*`,
      async ({ exchange }) => {
        requireNone(exchange.target.query)
        const id = idIn(exchange)
        if (id === undefined || !(await rules.forget(id, callerOf(exchange))))
          throw new Problem('not_found', 'Nothing is ruled about that model.')
        return done()
      },
      { ...GUARD, detail: described(() => ruleDetail()) },
    )
}

async function change(request: Request, exchange: Exchange, { ownBody, rules, modelIds }: Deps): Promise<Response> {
  const isForced = wantsForce(exchange.target.query)
  const changes = await changesIn(await ownBody(request, exchange))
  const ids = changes.map(({ id }) => foldedModel(id))
  if (!isForced) await requireListed(ids, modelIds)
  requireRoom(await rules.list(), changes)
  await rules.change(changes, callerOf(exchange))
  const after = new Map((await rules.list()).map(model => [foldedModel(model.id), model]))
  return told(ids.flatMap(id => after.get(id) ?? []).map(shown))
}

/** What a body asks for: a map of models. */
async function changesIn(bytes: Uint8Array): Promise<Change[]> {
  await readObject(bytes, [])
  const given = Object.entries<unknown>(JSON.parse(Buffer.from(bytes).toString('utf8')))
  if (given.length === 0) throw invalidBody('it must name at least one model.')
  if (new Set(given.map(([id]) => foldedModel(id))).size < given.length)
    throw invalidBody('it names one model twice, in other letters.')
  return Promise.all(
    given.map(async ([id, settings]) => {
      if (!ID.fits(id) || foldedModel(id) === '' || UNNAMEABLE.test(id))
        throw invalidBody(`a model's id must be ${ID.expects}, and fit into a path: without "%", "\\", "//" and "..".`)
      if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
        throw invalidBody('what it says of a model must be an object, as {"public":false}.')
      const read = await readMembers(Buffer.from(JSON.stringify(settings)), SETTINGS)
      return { id, public: read.public, prompt: read.system_prompt }
    }),
  )
}

function requireRoom(before: readonly RuledModel[], changes: readonly Change[]): void {
  const bytes = new Map(before.map(({ id, prompt }) => [foldedModel(id), Buffer.byteLength(prompt ?? '')]))
  for (const { id, prompt } of changes) {
    const now = prompt === undefined ? (bytes.get(foldedModel(id)) ?? 0) : Buffer.byteLength(prompt ?? '')
    bytes.set(foldedModel(id), now)
  }
  if (bytes.size > MOST_MODELS) throw invalidBody(`there would be rules about more than ${MOST_MODELS} models.`)
  if (bytes.values().reduce((sum, each) => sum + each, 0) > MOST_BYTES)
    throw invalidBody(`all prompts together would be longer than ${MOST_BYTES} bytes: shorten some, or take some back.`)
}

/** The id in a path; none where what is there is no text. */
function idIn({ target }: Exchange): string | undefined {
  try {
    return decodeURIComponent(target.path.slice(PATH.length + 1))
  } catch {
    return undefined
  }
}

const shown = ({ id, public: isPublic, prompt }: RuledModel) => ({
  model_id: id,
  settings: { public: isPublic, ...(prompt !== null && { system_prompt: prompt }) },
})

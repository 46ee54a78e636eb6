import { invalidBody } from '../../protocol/members.ts'
import { foldedModel } from '../../protocol/model-rules.ts'

/** Tells the ids of all models that the backends list. @throws Problem `upstream_…` */
export type ModelIds = () => Promise<readonly string[]>

/** @throws Problem `invalid_body` where a model is on no backend's list */
export async function requireListed(ids: readonly string[], modelIds: ModelIds): Promise<void> {
  const listed = new Set((await modelIds()).map(foldedModel))
  const at = ids.findIndex(id => !listed.has(foldedModel(id)))
  if (at < 0) return
  const which = ids.length === 1 ? 'the model it names' : `the ${at + 1}. of the ${ids.length} models it names`
  throw invalidBody(`${which} is on no backend's list; with "?force=true" it is taken all the same.`)
}

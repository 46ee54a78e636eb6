import type { Exchange } from '../protocol/exchange.ts'
import { boundaryOf, FormReading } from '../protocol/form.ts'
import type { Edit } from '../protocol/json.ts'
import { type ModelRules, requireModel, shapeOf } from '../protocol/model-rules.ts'
import { hasShut } from '../protocol/shut-models.ts'
import type { Body } from './body.ts'

/** What the operator rules about models now. */
export type RulesNow = () => ModelRules | Promise<ModelRules>

/** What rules make of an open body that was read; its answer tells of it. @throws Problem as `shapeOf` */
export function ruled(rules: ModelRules, body: Parameters<typeof shapeOf>[1], exchange: Exchange): readonly Edit[] {
  const { edits, sha256 } = shapeOf(rules, body, exchange.route ?? '')
  if (sha256 !== undefined) exchange.headers['x-sealgate-instructions-sha256'] = sha256
  return edits
}

/** A form that is looked through as it goes up. */
export interface WatchedForm {
  /** The bytes without which nothing of it may go up. */
  readonly least: number
  watched(body: Body | null): Body
}

/**
 * Looks through a form where there is a model that nobody may ask; else there is nothing to look for.
 * @throws Problem `model_not_available` or `invalid_body`, here, or as the body is read
 */
export function formUnder(rules: ModelRules, { headers }: Request): WatchedForm | undefined {
  if (!hasShut(rules)) return undefined
  const reading = new FormReading(boundaryOf(headers.get('content-type')), model => {
    requireModel(rules, model)
  })
  return { least: reading.least, watched: body => watchedBy(reading, body) }
}

function watchedBy(reading: FormReading, body: Body | null): Body {
  const { head = new Uint8Array(), rest } = body ?? {}
  const first = reading.push(head)
  if (!rest) {
    reading.end()
    return { head: first }
  }
  const read = async () => {
    for (;;) {
      const { value } = await rest.read()
      if (!value) {
        reading.end()
        return { done: true }
      }
      const free = reading.push(value)
      if (free.length > 0) return { done: false, value: free }
    }
  }
  return { head: first, rest: { read, cancel: () => rest.cancel() } }
}

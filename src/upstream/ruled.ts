import type { Exchange } from '../protocol/exchange.ts'
import { namesThing } from '../protocol/flat-names.ts'
import { boundaryOf, FormReading } from '../protocol/form.ts'
import type { Edit } from '../protocol/json.ts'
import { type ModelRules, requireModel, shapeOf } from '../protocol/model-rules.ts'
import { Problem } from '../protocol/problem.ts'
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
 * Looks through a form where there is a model that nobody may ask, or where it `mayName` nothing that is stored; else there
 * is nothing to look for.
 * @throws Problem `model_not_available`, `reference_not_supported` or `invalid_body`, here, or as the body is read
 */
export function formUnder(rules: ModelRules, { headers }: Request, mayName = true): WatchedForm | undefined {
  if (mayName && !hasShut(rules)) return undefined
  const reading = new FormReading(boundaryOf(headers.get('content-type')), {
    named: name => {
      if (!mayName && namesThing(name)) throw namedIn('The form')
    },
    model: text => {
      requireModel(rules, text)
    },
  })
  return { least: reading.least, watched: body => watchedBy(reading, body) }
}

/** The refusal of what names a stored thing where nobody asks whose it is. */
export function namedIn(what: string): Problem {
  return new Problem(
    'reference_not_supported',
    `${what} names a stored thing: here only the path may, and a body in JSON.`,
  )
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

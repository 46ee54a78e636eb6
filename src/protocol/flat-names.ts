import { meaningOf } from './reference-names.ts'

// However a reader takes a flat name apart: `a[file_id]`, `file_ids[]`, `a.file_id`.
const wordsOf = (name: string): string[] => name.split(/[^\p{L}\p{N}_]+/u)

/** Whether a field of a form, or a parameter of a query, can name a stored thing. */
export const namesThing = (name: string): boolean =>
  wordsOf(name).some(word => !['text', 'opaque'].includes(meaningOf(word) ?? 'unowned'))

/** Whether it can name a model, or several. */
export const namesModel = (name: string): boolean => wordsOf(name).some(isModelName)

/** Whether a member of JSON is a model, or a list of them; as Go folds letters, of which `ſ` is one. */
export const isModelName = (name: string): boolean => /^models?$/iu.test(name)

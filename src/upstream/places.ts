import { isPlainId } from '../protocol/ids.ts'
import { EventNaming } from '../protocol/naming.ts'
import type { Kind } from '../protocol/reference-names.ts'
import type { Reference } from '../protocol/references-reading.ts'
import type { Making } from './makings.ts'

const COLLECTIONS: Readonly<Record<Kind, string>> = {
  conversation: '/v1/conversations',
  response: '/v1/responses',
  file: '/v1/files',
}

/** The path of a thing, `/v1` and what follows. */
export function pathOf({ kind, id }: Reference): string {
  return `${COLLECTIONS[kind]}/${encodeURIComponent(id)}`
}

/** The path at which it is made. */
export function pathOfMaking({ kind, source }: Pick<Making, 'kind' | 'source'>): string {
  return source === null ? COLLECTIONS[kind] : `${pathOf({ kind, id: source })}/clone`
}

/** The id in what a backend answers when it has made something, in JSON or events; none where it is not {@link isPlainId plain}. */
export function idIn(answer: Uint8Array): string | undefined {
  return idInJson(answer) ?? idInEvents(answer)
}

function idInEvents(answer: Uint8Array): string | undefined {
  const naming = new EventNaming()
  naming.feed(answer)
  return naming.id !== undefined && isPlainId(naming.id) ? naming.id : undefined
}

function idInJson(answer: Uint8Array): string | undefined {
  try {
    const { id } = Object(JSON.parse(Buffer.from(answer).toString()))
    return typeof id === 'string' && isPlainId(id) ? id : undefined
  } catch {
    return undefined
  }
}

import type { Exchange } from '../protocol/exchange.ts'
import type { Kind } from '../protocol/reference-names.ts'
import type { Reference } from '../protocol/references-reading.ts'
import type { Backend } from './backends.ts'
import type { OnBehalf } from './on-behalf.ts'
import { passedOn } from './passed-on.ts'
import { pathOf } from './places.ts'

interface Deps {
  backend: Backend
  onBehalf: OnBehalf
  /** Forgets whose a thing was. */
  forget: (owner: string, thing: Reference) => Promise<void>
}

/** Deletes what is its caller's, at the backend and here; the answer is the backend's. */
export type Remove = (exchange: Exchange, thing: Reference) => Promise<Response>

const DELETED: Readonly<Record<Kind, string>> = {
  conversation: 'conversation.deleted',
  response: 'response',
  file: 'file',
}

/**
 * The thing goes first, and then its row: who is stopped in between finds it gone the next time, and is answered alike.
 * The call is the gateway's own, for a client that leaves must not break it off between the two.
 */
export function remover({ backend, onBehalf, forget }: Deps): Remove {
  return async (exchange, thing) => {
    onBehalf.begin(exchange)
    const answer = await onBehalf.ask(exchange, { method: 'DELETE', path: pathOf(thing) + exchange.target.query })
    const isGone = answer.status === 404
    if (answer.ok || isGone) await forget(exchange.principal?.owner ?? '', thing)
    const told = isGone ? Response.json({ id: thing.id, object: DELETED[thing.kind], deleted: true }) : answer
    return passedOn(told, exchange, backend.name)
  }
}

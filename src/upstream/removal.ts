import type { Exchange } from '../protocol/exchange.ts'
import type { Kind } from '../protocol/reference-names.ts'
import type { Reference } from '../protocol/references-reading.ts'
import type { Backend } from './backends.ts'
import type { OnBehalf } from './on-behalf.ts'
import { passedOn } from './passed-on.ts'
import { pathOf } from './places.ts'

/** Forgets whose a thing was. */
type Forget = (owner: string, thing: Reference) => Promise<void>

interface Deps {
  backend: Backend
  onBehalf: OnBehalf
  forget: Forget
}

/**
 * Deletes what is its caller's, at the backend and here; the answer is the backend's. Where more than its owner is known of
 * a thing, `forget` forgets all of it.
 */
export type Remove = (exchange: Exchange, thing: Reference, forget?: Forget) => Promise<Response>

const DELETED: Readonly<Record<Kind, string>> = {
  conversation: 'conversation.deleted',
  response: 'response',
  file: 'file',
}

/**
 * The thing goes first, and then its row: who is stopped in between finds it gone the next time, and is answered alike.
 * The call is the gateway's own, for a client that leaves must not break it off between the two.
 */
export function remover({ backend, onBehalf, forget: forgetOwner }: Deps): Remove {
  return async (exchange, thing, forget = forgetOwner) => {
    onBehalf.begin(exchange)
    const answer = await onBehalf.ask(exchange, { method: 'DELETE', path: pathOf(thing) + exchange.target.query })
    const isGone = answer.status === 404
    if (answer.ok || isGone) await forget(exchange.principal?.owner ?? '', thing)
    const told = isGone ? Response.json({ id: thing.id, object: DELETED[thing.kind], deleted: true }) : answer
    return passedOn(told, exchange, backend.name)
  }
}

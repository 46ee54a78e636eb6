import type { Exchange } from '../protocol/exchange.ts'
import { idempotencyKeyOf } from '../protocol/headers.ts'
import { faultOf, type Log } from '../protocol/log.ts'
import { Problem } from '../protocol/problem.ts'
import type { Kind } from '../protocol/reference-names.ts'
import type { Write } from '../store/store.ts'
import type { Errand } from './errand.ts'
import type { Making, Makings } from './makings.ts'
import { idIn, pathOf } from './places.ts'

/** What is to be made: something new, or another of what has the id `source`. */
export interface What {
  readonly kind: Kind
  readonly source: string | null
}

/** A making, and whose what comes of it will be. */
export interface Begun {
  readonly making: Making
  readonly owner: string
  /** Whether its `Idempotency-Key` is ours: by one of the client's the answer may speak of what was made before. */
  readonly isFresh: boolean
}

/** What is written beside an owner's row, of the thing of that id, from the answer that told of it. */
export type Beside = (id: string, answer: Uint8Array) => readonly Write[]

/** How what a backend makes gets its owner. */
export interface Giving {
  /** Writes down what is about to be asked, and gives it `withinMs` more than a minute. @throws Problem `database_unavailable` */
  begin(request: Request, exchange: Exchange, what: What, withinMs?: number): Promise<Begun>
  /**
   * Gives its owner what was made, and writes what stands `beside` that, all or nothing.
   * @throws Problem `database_unavailable`, `upstream_malformed` or `upstream_timeout`; nothing is then left, or will be.
   */
  give(begun: Begun, id: string, beside?: readonly Write[]): Promise<void>
  /** Gives or drops by what a backend answered, which may still be read. @throws Problem as {@link Giving.give} */
  settle(begun: Begun, answer: Response, beside?: Beside): Promise<void>
  /** Ends what came to nothing. Never throws. */
  drop(begun: Begun): Promise<void>
}

interface Deps {
  /** For what is done on nobody's behalf. */
  ask: Errand
  makings: Makings
  identityKey: Uint8Array
  log: Log
}

/** Gives what one backend makes to whoever asked for it. */
export function giving({ ask, makings, identityKey, log }: Deps): Giving {
  const failed = (error: unknown) => log('warn', 'reconcile_failed', { fault: faultOf(error) })

  const give: Giving['give'] = async ({ making, owner, isFresh }, id, beside) => {
    await makings.own(making, { id, owner }, beside).catch(async error => {
      // What nobody is going to own goes at once, as far as that can be done; whatever comes of it, the making is left.
      // Under a key of the client's own it may have its owner already; and the next try may still get it.
      if (isFresh) await ask({ method: 'DELETE', path: pathOf({ kind: making.kind, id }) }).catch(failed)
      throw error
    })
    const whose = await makings.ownerOf(making, id)
    if (whose === owner) return
    if (whose !== null)
      throw new Problem('upstream_malformed', 'The backend answered with what was there already. Try again.')
    throw new Problem('upstream_timeout', 'The backend took too long: what it made is deleted again. Try once more.')
  }
  // Left in the database it is asked again, and what comes of that goes.
  const drop: Giving['drop'] = ({ making }) => makings.drop(making).catch(failed)

  return {
    begin: async ({ headers }, { principal }, what, withinMs = 0) => {
      const owner = principal?.owner ?? ''
      const chosen = headers.get('idempotency-key')
      const idempotencyKey = chosen === null ? crypto.randomUUID() : idempotencyKeyOf(identityKey, owner, chosen)
      const making = await makings.begin({ ...what, idempotencyKey }, withinMs)
      return { making, owner, isFresh: chosen === null }
    },
    give,
    settle: async (begun, answer, beside) => {
      if (isRefusal(answer.status)) await drop(begun)
      if (!answer.ok) return
      const bytes = await answer.clone().bytes()
      const id = idIn(bytes)
      if (id === undefined)
        throw new Problem('upstream_malformed', 'The backend made something and did not say its id.')
      await give(begun, id, beside?.(id, bytes))
    },
    drop,
  }
}

/** Whether an answer says that nothing was made; a server's fault (5xx) may come from a proxy that did not wait for it. */
export const isRefusal = (status: number): boolean => status >= 300 && status < 500

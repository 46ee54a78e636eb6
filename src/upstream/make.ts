import type { Exchange } from '../protocol/exchange.ts'
import { idempotencyKeyOf } from '../protocol/headers.ts'
import { faultOf, type Log } from '../protocol/log.ts'
import { Problem } from '../protocol/problem.ts'
import type { Kind } from '../protocol/reference-names.ts'
import type { Backend } from './backends.ts'
import type { Errand } from './errand.ts'
import { type Reading, readJudged } from './judged.ts'
import type { Making, Makings } from './makings.ts'
import type { OnBehalf } from './on-behalf.ts'
import { passedOn } from './passed-on.ts'
import { idIn, pathOf, pathOfMaking } from './places.ts'

interface Deps extends Reading {
  backend: Backend
  onBehalf: OnBehalf
  /** For what is done on nobody's. */
  ask: Errand
  makings: Makings
  identityKey: Uint8Array
  log: Log
}

/** What is to be made: something new, or another of what has the id `source`. */
interface What {
  readonly kind: Kind
  readonly source: string | null
}

/** Has a backend make what a request asks for, and gives it to the caller; the answer is the backend's. */
export type Make = (request: Request, exchange: Exchange, what: What) => Promise<Response>

/**
 * Makes things at a backend so that none is lost: what is about to be asked is written down, and only when the new thing
 * has its owner the client learns its id. Whatever is left of the first without the second, `reconcile` takes up, and
 * asks the same again under the same `Idempotency-Key`. A backend that does not heed that header makes another thing, an
 * empty one, which goes, or none, where what was to be cloned is gone; the first, if there was one, is then lost there:
 * nobody can know its id. And one that remembers a key for long may answer a client's own with what has gone since.
 * @throws Problem `database_unavailable`, where nothing is left at the backend or will be; `upstream_…`
 */
export function maker(deps: Deps): Make {
  const { backend, onBehalf, ask, makings, identityKey, log } = deps

  return async (request, exchange, what) => {
    onBehalf.begin(exchange)
    const owner = exchange.principal?.owner ?? ''
    const body = Buffer.concat(await readJudged(request, exchange, deps))
    const chosen = request.headers.get('idempotency-key')
    const idempotencyKey = chosen === null ? crypto.randomUUID() : idempotencyKeyOf(identityKey, owner, chosen)
    const making = await makings.begin({ ...what, idempotencyKey })
    const answer = await onBehalf.ask(exchange, {
      method: 'POST',
      path: pathOfMaking(making),
      headers: { 'idempotency-key': idempotencyKey },
      ...(body.length > 0 && { body: new Uint8Array(body) }),
    })
    if (answer.ok) await give(answer, making, { owner, isFresh: chosen === null })
    else if (isRefusal(answer.status)) await dropped(making)
    return passedOn(answer, exchange, backend.name)
  }

  async function give(answer: Response, making: Making, to: { owner: string; isFresh: boolean }): Promise<void> {
    const id = idIn(await answer.clone().bytes())
    if (id === undefined) throw new Problem('upstream_malformed', 'The backend made something and did not say its id.')
    await makings.own(making, { id, owner: to.owner }).catch(async error => {
      // By a key of the client's own the answer may speak of what an earlier request made, and has its owner; and the
      // next try may still get it.
      if (to.isFresh) await takenBack(making, id)
      throw error
    })
    const owner = await makings.ownerOf(making, id)
    if (owner === to.owner) return
    if (owner !== null)
      throw new Problem('upstream_malformed', 'The backend answered with something that was there already. Try again.')
    throw new Problem('upstream_timeout', 'The backend took too long: what it made is deleted again. Try once more.')
  }

  /** What nobody is going to own goes at once, as far as that can be done; whatever comes of it, the making is left. */
  async function takenBack({ kind }: Making, id: string): Promise<void> {
    await ask({ method: 'DELETE', path: pathOf({ kind, id }) }).catch(error => {
      log('warn', 'reconcile_failed', { fault: faultOf(error) })
    })
  }

  /** Left in the database it is asked again, and what comes of that goes. */
  async function dropped(making: Making): Promise<void> {
    await makings.drop(making).catch(error => {
      log('warn', 'reconcile_failed', { fault: faultOf(error) })
    })
  }
}

/** Whether an answer says that nothing was made; a server's fault (5xx) may come from a proxy that did not wait for it. */
const isRefusal = (status: number): boolean => status >= 300 && status < 500

import type { Call, Serve } from './call.ts'
import { Refusal } from './refusal.ts'

/** What goes another way than usual with the next requests. */
export interface Turn {
  /** Only with requests to this route, such as `POST conversations`. */
  readonly on?: string
  /** With how many of them; one unless given. */
  readonly times?: number
  /** Refused with this status once the body has come, and nothing is stored. */
  readonly status?: number
  /** The connection is cut in place of an answer: before anything is stored, or after. */
  readonly cut?: 'before' | 'after'
  /** Further headers of the answer. */
  readonly headers?: Readonly<Record<string, string>>
  /** Waited for before the body is read. */
  readonly before?: () => Promise<unknown>
  /** Waited for when all is stored and nothing is answered. */
  readonly after?: () => Promise<unknown>
}

/** Turns that are still to come, the first that fits first. */
export class Turns {
  readonly #coming: { turn: Turn; left: number }[] = []

  add(turn: Turn): void {
    this.#coming.push({ turn, left: turn.times ?? 1 })
  }

  /** The turn of a request to this route, which then has one less to come. */
  next(route: string | undefined): Turn {
    const found = this.#coming.find(({ turn: { on }, left }) => left > 0 && (on === undefined || on === route))
    if (!found) return {}
    found.left--
    return found.turn
  }
}

/** Serves a request as its turn has it. */
export async function played(turn: Turn, serve: Serve, call: Call): Promise<Response> {
  await turn.before?.()
  const told = () => {
    throw new Refusal(turn.status ?? 503, 'As it was told to.', { type: 'server_error' })
  }
  const early = turn.cut === 'before' || turn.status !== undefined
  const answer = await answered(early ? told : serve, call)
  // Else a client that is still sending would be told in the midst of it.
  while (!(await call.body.next()).done);
  await turn.after?.()
  if (turn.cut !== undefined) {
    await answer.body?.cancel()
    return Response.error()
  }
  for (const [name, value] of Object.entries({ 'x-request-id': call.heard.id, ...turn.headers })) {
    answer.headers.set(name, value)
  }
  call.heard.status = answer.status
  return answer
}

async function answered(serve: Serve, call: Call): Promise<Response> {
  try {
    return await serve(call)
  } catch (fault) {
    if (fault instanceof Refusal) return fault.answer()
    throw fault
  }
}

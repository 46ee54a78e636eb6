import { ask } from '../wire.ts'
import { MODELS, type Wish } from './backend.ts'

/** What a client saw of its request; times in milliseconds since the epoch. */
export interface Told extends Wish {
  readonly askedAt: number
  readonly endedAt: number
  /** 0 where no answer came. */
  readonly status: number
  /** What the gateway calls its refusal. */
  readonly code: string | undefined
  readonly isWhole: boolean
}

/** A request under way. */
export interface Chat {
  readonly number: number
  /** Resolves with the status of its answer, 0 where none came. */
  readonly status: Promise<number>
  readonly told: Promise<Told>
  /** Leaves, whatever is still to come. */
  leave(): void
}

let last = 0

/** Asks on a connection of its own, which any worker may take. */
export function chat(url: string, authorization: string, given: Partial<Wish> & Pick<Wish, 'caller'>): Chat {
  const wish: Wish = { model: MODELS[0], holdMs: 0, tokens: 1, ...given, number: ++last }
  const body = JSON.stringify({ ...wish, stream: true, messages: [] })
  const headers = {
    authorization,
    'content-type': 'application/json',
    'content-length': String(body.length),
    connection: 'close',
  }
  const askedAt = Date.now()
  const asking = ask(url, 'POST /v1/chat/completions', headers, body)
  const head = asking.then(wire => wire.head()).catch(() => '')
  const status = head.then(text => Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0))
  return {
    number: wish.number,
    status,
    told: rest(asking, status).then(({ text, status }) => ({
      ...wish,
      askedAt,
      endedAt: Date.now(),
      status,
      code: status === 200 ? undefined : /"code":"(\w+)"/.exec(text)?.[1],
      isWhole: text.endsWith(status === 200 ? '\r\n0\r\n\r\n' : '}'),
    })),
    leave: () => void asking.then(wire => wire.leave()).catch(() => undefined),
  }
}

async function rest(asking: ReturnType<typeof ask>, answered: Promise<number>) {
  const status = await answered
  let text = ''
  const wire = await asking.catch(() => undefined)
  if (status !== 0)
    wire?.onBody(bytes => {
      text += bytes.toString('latin1')
    })
  await wire?.closed
  return { status, text }
}

import { afterAll, describe, expect, test } from 'bun:test'
import type { Turn } from '../../src/dev/cloud/turns.ts'
import { cloudGateways, RESPONSE_DUE_MS, wrongIn } from '../kit/books.ts'
import { type Conversing, conversing, lock } from '../kit/conversing.ts'
import { engines } from '../kit/engines.ts'
import { eventually } from '../kit/stage.ts'

const { start, clear } = cloudGateways()
afterAll(clear)

const [sqlite] = engines
const NAMED = 'when the backend has named it and nothing is written'
const LINE = 'POST /v1/responses'

interface Doomed {
  readonly url: string
  readonly gateway: Conversing
  readonly next: (turn: Turn) => void
  readonly ask: () => Promise<unknown>
  /** Whether anybody owns a response. */
  readonly isOwned: () => Promise<boolean>
}

/** Where a gateway is killed, and whether the response then has its owner. */
const MOMENTS: Readonly<Record<string, (doomed: Doomed) => Promise<boolean>>> = {
  'when the backend is asked and has done nothing': async ({ gateway, next, ask }) => {
    next({ before: gateway.kill, cut: 'before' })
    await ask()
    return false
  },
  'when the backend has done it and said nothing': async ({ gateway, next, ask }) => {
    next({ after: gateway.kill })
    await ask()
    return false
  },
  [NAMED]: async ({ url, gateway, next, ask }) => {
    const locked = Promise.withResolvers<() => void>()
    next({ after: async () => locked.resolve(lock(url)) })
    const gone = ask()
    const letGo = await locked.promise
    await Bun.sleep(50)
    await gateway.kill()
    letGo()
    await gone
    return false
  },
  'when it has its owner, and is not whole': async ({ gateway, ask, isOwned }) => {
    const gone = ask()
    await eventually(isOwned)
    await gateway.kill()
    await gone
    return true
  },
}

/** Each way to be killed; whether an answer is a stream matters once it has begun. */
const KILLED = [
  ...Object.entries(MOMENTS).map(([when, killed]) => [when, 'as a stream', killed] as const),
  [NAMED, 'in one piece', MOMENTS[NAMED]] as const,
]

describe('a gateway that passes on a response', () => {
  test.each(KILLED)('and is killed %s (%s) leaves none that nobody can open', async (_, manner, killed) => {
    const body = JSON.stringify({ model: 'stand-in/small', input: 'Hello there', stream: manner === 'as a stream' })
    const url = (await sqlite?.fresh()) ?? ''
    const { cloud, kit, clock, books } = await start(url)
    const gateway = await conversing(url, new URL(cloud.url).origin)
    const isKept = await killed?.({
      ...{ url, gateway },
      next: turn => cloud.next({ on: 'POST responses', ...turn }),
      ask: () => gateway.ask(LINE, body),
      isOwned: async () => (await books()).owned.length > 0,
    })
    expect((await books()).makings).toBe(isKept ? 0 : 1)
    // The other process's clock is the machine's.
    clock.pass(2 * RESPONSE_DUE_MS)
    await kit.reconcile()
    expect(await wrongIn(url, cloud, ['responses'])).toEqual({})
    expect(cloud.ids('responses')).toHaveLength(isKept ? 1 : 0)
  })
})

import { afterAll, describe, expect, test } from 'bun:test'
import type { Turn } from '../../src/dev/cloud/turns.ts'
import { cloudGateways, DUE_MS, wrongIn } from '../kit/books.ts'
import { type Conversing, conversing, lock } from '../kit/conversing.ts'
import { engines } from '../kit/engines.ts'
import { fileForm } from '../kit/owning.ts'

const { start, clear } = cloudGateways()
afterAll(clear)

const ROUTES = ['POST conversations', 'POST conversations/{id}/clone', 'DELETE conversations/{id}', 'POST files']
// The lock that stops a gateway is SQLite's; the statements are tried on both engines elsewhere.
const [sqlite] = engines

/** Calls when as many have come as there are routes, and lets none of them go on before that has ended. */
function together(act: () => Promise<unknown>): () => Promise<unknown> {
  const all = Promise.withResolvers<unknown>()
  let come = 0
  return () => {
    if (++come === ROUTES.length) all.resolve(act())
    return all.promise
  }
}

interface Doomed {
  readonly url: string
  readonly gateway: Conversing
  /** Has the next request to each route go this way. */
  readonly each: (turn: Turn) => void
  readonly ask: () => Promise<unknown>
}

/** Where a gateway is killed. */
const MOMENTS: Readonly<Record<string, (doomed: Doomed) => Promise<void>>> = {
  'before anything is written': async ({ url, gateway, ask }) => {
    const letGo = lock(url)
    const gone = ask()
    await Bun.sleep(50)
    await gateway.kill()
    letGo()
    await gone
  },
  'when the backend is asked and has done nothing': async ({ gateway, each, ask }) => {
    each({ before: together(gateway.kill), cut: 'before' })
    await ask()
  },
  'when the backend has done it and said nothing': async ({ gateway, each, ask }) => {
    each({ after: together(gateway.kill) })
    await ask()
  },
  'when the backend has answered and nothing is written': async ({ url, gateway, each, ask }) => {
    const locked = Promise.withResolvers<() => void>()
    each({ after: together(async () => locked.resolve(lock(url))) })
    const gone = ask()
    const letGo = await locked.promise
    await Bun.sleep(50)
    await gateway.kill()
    letGo()
    await gone
  },
  'when its callers have their answers': async ({ gateway, ask }) => {
    expect(await ask()).toEqual([201, 201, 200, 201])
    await gateway.kill()
  },
}

describe('a gateway that begins a conversation, clones one, deletes one and takes a file', () => {
  test.each(Object.entries(MOMENTS))('and is killed %s leaves none that nobody can open', async (_, killed) => {
    const url = (await sqlite?.fresh()) ?? ''
    const { cloud, begin, kit, clock, ask } = await start(url)
    const [source, going] = [await begin(), await begin()]
    const gateway = await conversing(url, new URL(cloud.url).origin)
    const lines = [
      'POST /v1/conversations',
      `POST /v1/conversations/${source}/clone`,
      `DELETE /v1/conversations/${going}`,
      'POST /v1/files',
    ]
    await killed({
      ...{ url, gateway },
      each: turn => {
        for (const on of ROUTES) cloud.next({ on, ...turn })
      },
      ask: () => Promise.all(lines.map(line => gateway.ask(line, line.endsWith('/files') ? fileForm() : undefined))),
    })
    // The other process's clock is the machine's.
    clock.pass(2 * DUE_MS)
    await kit.reconcile()
    const { gone = [], ...wrong } = await wrongIn(url, cloud)
    expect(wrong).toEqual({})
    // Of a deletion nobody saw the end of: it counts as done when its caller asks again.
    expect([[], [going]]).toContainEqual(gone)
    if (gone.length > 0) expect((await ask(`DELETE /v1/conversations/${going}`)).status).toBe(200)
    expect(await wrongIn(url, cloud)).toEqual({})
    expect(cloud.ids('conversations')).toContain(source)
  })
})

import { openTest, runOn } from './database.ts'
import { postgres } from './engines.ts'
import type { Server } from './postgres.ts'

/** What answers `/cluster` as Patroni does, and says what a test wants. */
export interface Patroni {
  readonly url: string
  /** How often it was asked. */
  readonly asked: number
  /** Whom it calls what; or the whole of its answer. */
  says: readonly unknown[] | (() => Response | Promise<Response>)
  stop(): Promise<void>
}

/** Starts one that calls nobody anything. */
export function patroni(says: Patroni['says'] = []): Patroni {
  let asked = 0
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    routes: {
      '/cluster': () => {
        asked++
        return typeof it.says === 'function' ? it.says() : Response.json({ members: it.says, scope: 'test' })
      },
    },
    fetch: () => new Response('no such path', { status: 404 }),
  })
  const it: Patroni = {
    url: server.url.origin,
    get asked() {
      return asked
    },
    says,
    stop: () => server.stop(true),
  }
  return it
}

/** A member at a database's URL, in a role. */
export function memberAt(url: string, role: string) {
  const { hostname: host, port } = new URL(url)
  return {
    name: `pg-${port}`,
    role,
    state: 'running',
    api_url: 'http://127.0.0.1:8008/patroni',
    host,
    port: Number(port),
  }
}

/** A server of a test's own and that of all tests, with one schema, and a Patroni that calls the first the leader. */
export async function twoServers(own: Server) {
  const second = await postgres.fresh()
  const { search, searchParams } = new URL(second)
  const first = own.url + search
  await runOn(own.url, `CREATE SCHEMA ${searchParams.get('search_path')}`)
  for (const url of [first, second]) await (await openTest(url)).close()
  return {
    patroni: patroni([memberAt(first, 'leader'), memberAt(second, 'replica')]),
    first,
    second,
    /** What Patroni says when the second is the leader. */
    moved: [memberAt(first, 'replica'), memberAt(second, 'leader')],
    /** What a gateway is given. */
    url: `postgres://postgres@primary.invalid/postgres${search}`,
  }
}

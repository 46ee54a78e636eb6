import { afterAll, afterEach, beforeAll } from 'bun:test'
import { logger } from '../../src/gate/log.ts'
import { Secret } from '../../src/protocol/secret.ts'
import { fields } from '../../src/store/fields.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { calls, type Send } from '../../src/upstream/call.ts'
import { vpc } from '../../src/upstream/vpc.ts'
import { clockAt } from './clock.ts'
import { clouds } from './cloud.ts'
import { DATA_KEY } from './database.ts'

const { send } = calls()

/** What a gateway and a cloud both know. */
export const SECRET = 'what both sides know'
export const LOGIN = 'POST auth/vpc/login'

/** Lets fifty do something at once. */
export const fifty = <T>(act: () => T | Promise<T>) => Promise.all(Array.from({ length: 50 }, async () => act()))

/** Processes that log in at a cloud, on one database for all tests around which this is called. */
export function loggingIn(fresh: () => Promise<string>) {
  const { start, clear } = clouds()
  let url: string
  let opened: Awaited<ReturnType<typeof openStore>>
  beforeAll(async () => {
    url = await fresh()
    opened = await openStore({ url, dataKey: Buffer.from(DATA_KEY, 'hex'), identityKey: undefined })
  })
  afterEach(clear)
  afterAll(() => opened.store.close())

  return {
    start,
    url: () => url,
    store: () => opened.store,
    fields: () => fields(opened.keys.fields),
    /** A cloud, and processes that log in there, as somebody new unless told. */
    setUp: async () => {
      const clock = clockAt()
      const { cloud, ask } = await start({ secret: SECRET, now: clock.now })
      const clientId = crypto.randomUUID()
      const lines: string[] = []
      const log = logger({ format: 'text', level: 'debug', now: clock.now, write: line => lines.push(line) })
      const process = (given: { baseUrl?: string; clientId?: string; store?: Store; send?: Send } = {}) =>
        vpc({
          at: { baseUrl: cloud.url, clientId, secret: new Secret(SECRET), ...given },
          ...{ send, store: opened.store, fields: fields(opened.keys.fields), now: clock.now, log, ...given },
        })
      const opens = async (authorization: string) => (await ask('GET models', undefined, authorization)).status
      return { clock, cloud, clientId, lines, process, opens, logins: () => cloud.counts.get(LOGIN) ?? 0 }
    },
  }
}

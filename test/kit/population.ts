import { afterAll, beforeAll } from 'bun:test'
import { people as meeting } from '../../src/features/auth/people.ts'
import { type Profile, signIn } from '../../src/features/auth/sign-in.ts'
import { apiKeys } from '../../src/gate/api-keys.ts'
import type { SessionDays } from '../../src/gate/beginnings.ts'
import { sessions } from '../../src/gate/sessions.ts'
import { fields } from '../../src/store/fields.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { clockAt } from './clock.ts'
import { DATA_KEY } from './database.ts'

/**
 * What keeps people, once for each process on one database, with a clock for all of them. The database is one for all
 * tests around which this is called, which costs PostgreSQL 150 ms; whoever signs in without a name is somebody new.
 */
export function population(fresh: () => Promise<string>) {
  let opened: Awaited<ReturnType<typeof openStore>>
  beforeAll(async () => {
    opened = await openStore({
      url: await fresh(),
      dataKey: Buffer.from(DATA_KEY, 'hex'),
      identityKey: undefined,
    })
  })
  afterAll(() => opened.store.close())
  return (options: Options = {}) => people(opened, options)
}

interface Options {
  processes?: number
  days?: SessionDays
}

function people({ store, keys }: Awaited<ReturnType<typeof openStore>>, given: Options) {
  const { processes = 1, days = { idle: 30, most: 90 } } = given
  const clock = clockAt()
  const somebody = `${crypto.randomUUID()}@example.com`
  const each = Array.from({ length: processes }, () => {
    const asked: Promise<unknown>[] = []
    const counting: Store = {
      ...store,
      ask: statement => {
        const answer = store.ask(statement)
        asked.push(answer)
        return answer
      },
    }
    const deps = {
      ...{ store: counting, fields: fields(keys.fields), lookupKey: keys.lookup, now: clock.now, days },
      log: () => undefined,
    }
    const own = { sessions: sessions(deps), apiKeys: apiKeys(deps) }
    const begin = signIn({ ...deps, ...own })
    return {
      ...own,
      deps,
      /** Who an account's user is. */
      meet: meeting(deps),
      /** Statements this process has run so far. */
      asked: () => asked.length,
      /** Waits for those that nobody waits for. */
      settled: () => Promise.allSettled(asked),
      signIn: (who: string | Profile = somebody) =>
        begin(typeof who === 'string' ? { email: who, name: null, avatarUrl: null } : who),
    }
  })
  return { clock, store, keys, each, one: each[0]!, other: each[1]! }
}

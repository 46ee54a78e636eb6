import { afterEach } from 'bun:test'
import { type Profile, signIn } from '../../src/features/auth/sign-in.ts'
import { apiKeys } from '../../src/gate/api-keys.ts'
import { sessions } from '../../src/gate/sessions.ts'
import { fields } from '../../src/store/fields.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { clockAt } from './clock.ts'
import { DATA_KEY } from './database.ts'

const opened: Store[] = []
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close()
})

/** What keeps people, once for each process on one database, with a clock for all of them; closed behind the test. */
export async function people(url: string, { processes = 1, days = { idle: 30, most: 90 } } = {}) {
  const clock = clockAt()
  const { store, keys } = await openStore({ url, dataKey: Buffer.from(DATA_KEY, 'hex'), identityKey: undefined })
  opened.push(store)
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
      /** Statements this process has run so far. */
      asked: () => asked.length,
      /** Waits for those that nobody waits for. */
      settled: () => Promise.allSettled(asked),
      signIn: (who: string | Profile = 'ada@example.com') =>
        begin(typeof who === 'string' ? { email: who, name: null, avatarUrl: null } : who),
    }
  })
  return { clock, store, keys, each, one: each[0]!, other: each[1]! }
}

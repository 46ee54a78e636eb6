import { type Profile, signIn } from '../../src/features/auth/sign-in.ts'
import { apiKeys } from '../../src/gate/api-keys.ts'
import { sessions } from '../../src/gate/sessions.ts'
import { fields } from '../../src/store/fields.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { clockAt } from './clock.ts'

/** What keeps people, once for each process on one database, with a clock for all of them. */
export async function people({ processes = 1, days = { idle: 30, most: 90 } } = {}) {
  const clock = clockAt()
  const { store, keys } = await openStore({ url: 'sqlite::memory:', dataKey: undefined, identityKey: undefined })
  const each = Array.from({ length: processes }, () => {
    const counted = { asked: 0 }
    const counting: Store = {
      ...store,
      ask: statement => {
        counted.asked++
        return store.ask(statement)
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
      asked: () => counted.asked,
      signIn: (who: string | Profile = 'ada@example.com') =>
        begin(typeof who === 'string' ? { email: who, name: null, avatarUrl: null } : who),
    }
  })
  return { clock, store, keys, each, one: each[0]!, other: each[1]! }
}

import type { Exchange } from '../protocol/exchange.ts'
import type { Log } from '../protocol/log.ts'
import type { Fields } from '../store/fields.ts'
import type { Store } from '../store/store.ts'
import type { Audit } from './audit.ts'
import { type Ban, banRows, type Ends } from './ban-rows.ts'
import { underWay } from './under-way.ts'

/** Who is banned, and what they have under way. Each method that waits throws Problem `database_unavailable`. */
export interface Bans {
  /**
   * Lets an exchange in, to be cut when its caller is banned; at once where bans were read a moment ago.
   * @throws Problem `account_restricted`
   */
  enter(exchange: Exchange): void | Promise<void>
  /** It is over. */
  leave(exchange: Exchange): void
  /** Reads them anew, and cuts what is under way of whoever is banned. */
  heed(): Promise<void>
  /** The ban of an owner that is in force. */
  find(owner: string): Promise<Ban | undefined>
  /** Bans an owner from now on, in place of how they were banned before. */
  ban(given: Omit<Ban, 'at'>): Promise<Ban>
  /** Lets an owner ask again; whether they were banned. */
  lift(owner: string, by: string): Promise<boolean>
  /** Deletes those that have ended. */
  sweep(): Promise<void>
}

interface Deps {
  store: Store
  fields: Fields
  audit: Pick<Audit, 'entered'>
  now: () => number
  log: Log
}

/** Bans in the database, and a copy in memory of all that are in force. */
export function bans({ store, fields, audit, now, log }: Deps): Bans {
  const rows = banRows(store, fields)
  const open = underWay({ now, log })
  const copy = copyOf(rows.endsAfter, now, open.cut)

  async function enterLater(exchange: Exchange): Promise<void> {
    open.enter(exchange, await copy.next())
  }
  async function find(owner: string): Promise<Ban | undefined> {
    const found = await rows.find(owner)
    return found && (found.until === null || found.until > now()) ? found : undefined
  }

  return {
    enter: exchange => {
      const ends = copy.current()
      return ends ? open.enter(exchange, ends) : enterLater(exchange)
    },
    leave: open.leave,
    heed: async () => {
      await copy.read()
    },
    find,
    ban: async given => {
      const ban = { ...given, at: now() }
      const { owner: about, by: admin, reason, until } = ban
      const details = { reason, until: until === null ? null : new Date(until).toISOString() }
      try {
        await store.atomically([rows.put(ban), audit.entered({ admin, action: 'owners.ban', about, details })])
      } finally {
        copy.drop()
      }
      open.cut(new Map([[about, until]]))
      return ban
    },
    lift: async (about, admin) => {
      if (!(await find(about))) return false
      try {
        const entry = audit.entered({ admin, action: 'owners.unban', about, details: null })
        await store.atomically([rows.remove(about), entry])
      } finally {
        copy.drop()
      }
      return true
    },
    sweep: () => rows.sweep(now()),
  }
}

// A ban is in force everywhere within five seconds; one is for reading. Nobody goes by what is older, though the database
// be away: a process that alone has lost it would serve whoever was banned since.
const KEPT_MS = 4000

/** What was read last; each reading is told of, unless a change came upon it, which may hold what was before. */
function copyOf(load: (at: number) => Promise<Ends>, now: () => number, tell: (ends: Ends) => void) {
  let known: { ends: Ends; at: number } | undefined
  let reading: Promise<Ends> | undefined

  function begin(): Promise<Ends> {
    const at = now()
    const begun = load(at)
      .then(ends => {
        if (reading === begun) {
          known = { ends, at }
          tell(ends)
        }
        return ends
      })
      .finally(() => {
        if (reading === begun) reading = undefined
      })
    return begun
  }
  function read(): Promise<Ends> {
    reading ??= begin()
    return reading
  }

  return {
    read,
    /** As they are now, without waiting; `undefined` where that is not known. */
    current: () => {
      const age = known ? now() - known.at : -1
      return known && age >= 0 && age < KEPT_MS ? known.ends : undefined
    },
    /** As they are now. */
    next: async (): Promise<Ends> => {
      for (;;) {
        const ends = await read()
        if (known?.ends === ends) return ends
      }
    },
    drop: () => {
      known = undefined
      reading = undefined
    },
  }
}

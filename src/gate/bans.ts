import type { Exchange } from '../protocol/exchange.ts'
import type { Log } from '../protocol/log.ts'
import type { Fields } from '../store/fields.ts'
import type { Store } from '../store/store.ts'
import type { Audit } from './audit.ts'
import { type Ban, banRows } from './ban-rows.ts'
import { underWay } from './under-way.ts'
import { watched } from './watched.ts'

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
  // Nobody goes by what is older than it keeps, though the database be away: a process that alone has lost it would serve
  // whoever was banned since.
  const copy = watched({ read: () => rows.endsAfter(now()), now, tell: open.cut })

  async function enterLater(exchange: Exchange): Promise<void> {
    let ends = copy.known()
    // What a ban came upon while it was read is not known.
    for (; !ends; ends = copy.known()) await copy.read()
    open.enter(exchange, ends)
  }
  async function find(owner: string): Promise<Ban | undefined> {
    const found = await rows.find(owner)
    return found && (found.until === null || found.until > now()) ? found : undefined
  }

  return {
    enter: exchange => {
      const ends = copy.known()
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
      const entry = audit.entered({ admin, action: 'owners.ban', about, details })
      await copy.changing(() => store.atomically([rows.put(ban), entry]))
      open.cut(new Map([[about, until]]))
      return ban
    },
    lift: async (about, admin) => {
      if (!(await find(about))) return false
      const entry = audit.entered({ admin, action: 'owners.unban', about, details: null })
      await copy.changing(() => store.atomically([rows.remove(about), entry]))
      return true
    },
    sweep: () => rows.sweep(now()),
  }
}

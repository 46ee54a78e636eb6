import { eq, sql } from 'drizzle-orm'
import { flag, nullable, oneOf, optional, prose, type Read } from '../../protocol/members.ts'
import type { Fields } from '../../store/fields.ts'
import { late } from '../../store/late.ts'
import { userSettings } from '../../store/schema.ts'
import type { Store } from '../../store/store.ts'

/** What a user has set. The gateway keeps it for front ends, and acts on none of it. */
export interface Settings {
  readonly notification: boolean
  readonly system_prompt?: string
  readonly web_search: boolean
  readonly appearance: 'Light' | 'Dark' | 'System'
}

const appearance = oneOf('Light', 'Dark', 'System')
const prompt = prose(65_536)

/** Settings that take the place of all that was set. */
export const ALL = { notification: flag, system_prompt: optional(nullable(prompt)), web_search: flag, appearance }

/** Settings that change what they name, and leave the rest. */
export const SOME = {
  notification: optional(flag),
  system_prompt: optional(nullable(prompt)),
  web_search: optional(flag),
  appearance: optional(appearance),
}

const DEFAULTS: Settings = { notification: false, web_search: true, appearance: 'System' }

interface Deps {
  store: Store
  fields: Fields
  now: () => number
}

/** The settings of all users, sealed. Each method throws Problem `database_unavailable`. */
export function settings({ store, fields, now }: Deps) {
  const { find, write } = late(() => prepare(store))
  const placeOf = (user: string) => ({ table: 'user_settings', column: 'content', row: user })

  async function stored(user: string): Promise<{ seen: string; settings: Settings }> {
    const [row] = await store.ask(() => find.execute({ user }))
    const kept: Partial<Settings> = row ? JSON.parse(fields.open(placeOf(user), row.content)) : {}
    return { seen: row?.content ?? '', settings: { ...DEFAULTS, ...kept } }
  }

  async function change(user: string, next: (old: Settings) => Settings): Promise<Settings> {
    // Sealed, they cannot be merged by the database: whoever finds that another came between begins again.
    for (;;) {
      const { seen, settings } = await stored(user)
      const changed = next(settings)
      const content = fields.seal(placeOf(user), JSON.stringify(changed))
      const written = await store.ask(() => write.execute({ user, content, at: now(), seen }))
      if (written.length > 0) return changed
    }
  }

  return {
    of: async (user: string) => (await stored(user)).settings,
    replace: (user: string, given: Read<typeof ALL>) => change(user, () => merged(DEFAULTS, given)),
    patch: (user: string, given: Read<typeof SOME>) => change(user, old => merged(old, given)),
  }
}

/** `null` clears the prompt. */
function merged({ system_prompt: old, ...settings }: Settings, given: Read<typeof SOME>): Settings {
  const prompt = given.system_prompt === undefined ? old : given.system_prompt
  return {
    notification: given.notification ?? settings.notification,
    ...(typeof prompt === 'string' && { system_prompt: prompt }),
    web_search: given.web_search ?? settings.web_search,
    appearance: given.appearance ?? settings.appearance,
  }
}

const value = (name: string) => sql`${sql.placeholder(name)}`

function prepare({ db }: Store) {
  const content = value('content')
  return {
    find: db
      .select({ content: userSettings.content })
      .from(userSettings)
      .where(eq(userSettings.userId, value('user')))
      .prepare(),
    /** One row, or none (and nothing written) where it is not what was seen any more. */
    write: db
      .insert(userSettings)
      .values({ userId: value('user'), content, updatedAt: value('at') })
      .onConflictDoUpdate({
        target: userSettings.userId,
        set: { content, updatedAt: value('at') },
        setWhere: eq(userSettings.content, value('seen')),
      })
      .returning({ userId: userSettings.userId })
      .prepare(),
  }
}

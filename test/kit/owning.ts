import { sql } from 'drizzle-orm'
import type { Heard } from '../../src/dev/cloud/call.ts'
import { type StandInCloud, standInCloud } from '../../src/dev/cloud/server.ts'
import { ownerOf, userOwnerOf } from '../../src/protocol/principal.ts'
import { Secret } from '../../src/protocol/secret.ts'
import { openStore } from '../../src/store/open.ts'
import { belongings } from '../../src/store/schema.ts'
import { fixed, openai } from '../../src/upstream/backends.ts'
import { cooldown } from '../../src/upstream/cooldown.ts'
import type { Errand } from '../../src/upstream/errand.ts'
import { onBehalf } from '../../src/upstream/on-behalf.ts'
import { type Account, account, by } from './account.ts'
import { DATA_KEY } from './database.ts'
import { CLOUD_KEY, ISSUER, type Kit, type KitOptions, startGateway } from './gateway.ts'

/** Errands on a client's behalf to a backend that is this function. */
export function asking(ask: Errand) {
  const backend = openai('http://cloud.test/v1', fixed(new Secret('')))
  return { backend, onBehalf: onBehalf({ backend, cooldown: cooldown(Date.now), ask }) }
}

/** Somebody who may own things. */
export type Caller = Pick<Account, 'headers' | 'ask' | 'told'> & { readonly owner: string }

/** A gateway before a stand-in cloud, on a database of its own. */
export interface Owning {
  readonly kit: Kit
  readonly cloud: StandInCloud
  /** Every request that the cloud heard so far. */
  readonly heard: readonly Heard[]
  /** Asks the cloud itself, for a method and a path below `/v1/`. */
  behind(line: string, body?: object): Promise<Response>
  /** A caller with a session; somebody else each time. */
  session(): Promise<Caller>
  /** A caller with a JWT. */
  jwt(subject: string): Promise<Caller>
  /** A conversation of the caller's, made by hand on both sides, and last used when told. Gives its id. */
  begun(caller: Caller, usedAt?: number): Promise<string>
  /** A file of the caller's, uploaded by them. Gives its id. */
  filed(caller: Caller, name?: string, purpose?: string): Promise<string>
  /** Writes down that these are the caller's, whatever the cloud says. */
  owned(caller: Caller, ids: readonly string[], usedAt?: number): Promise<void>
  /** What the database has of a caller's, in no order. */
  rowsOf(caller: Caller): Promise<{ id: string; usedAt: number }[]>
  stop(): Promise<void>
}

/** A form that brings a file of five bytes. */
export function fileForm(name = 'hello.txt', purpose = 'user_data'): FormData {
  const form = new FormData()
  form.set('purpose', purpose)
  form.set('file', new File(['Hello'], name))
  return form
}

/** Starts both. */
export async function owning(url: string, options: Partial<KitOptions> = {}): Promise<Owning> {
  const heard: Heard[] = []
  const cloud = await standInCloud({ key: CLOUD_KEY, pace: 0, entered: request => heard.push(request) })
  const { origin } = new URL(cloud.url)
  const kit = await startGateway({ upstream: 'http://127.0.0.1:1', cloud: origin, database: url, ...options })
  const opened = await openStore({ url, dataKey: Buffer.from(DATA_KEY, 'hex'), identityKey: undefined })
  const { store, keys } = opened

  const owned: Owning['owned'] = async ({ owner }, ids, usedAt = 1) => {
    const id = sql`${sql.placeholder('id')}`
    const values = { kind: 'conversation' as const, id, owner, createdAt: 1, usedAt }
    const statement = store.db.insert(belongings).values(values).prepare()
    await store.atomically(ids.map(id => ({ statement, values: { id } })))
  }
  const behind: Owning['behind'] = (line, body) => {
    const [method = '', path] = line.split(' ')
    const headers = { authorization: `Bearer ${CLOUD_KEY}` }
    return fetch(`${cloud.url}/${path}`, { method, headers, body: body ? JSON.stringify(body) : null })
  }
  return {
    kit,
    cloud,
    heard,
    behind,
    session: async () => {
      const { user, ...caller } = await account(kit, `${crypto.randomUUID()}@example.com`)
      return { ...caller, owner: userOwnerOf(user) }
    },
    jwt: async subject => {
      const { authorization } = await kit.bearer(subject, 'inference', 1e9)
      return { ...by(kit, authorization), owner: ownerOf(keys.identity, ISSUER, subject) }
    },
    begun: async (caller, usedAt) => {
      const { id } = (await (await behind('POST conversations', {})).json()) as { id: string }
      await owned(caller, [id], usedAt)
      return id
    },
    filed: async ({ headers }, name = 'hello.txt', purpose = 'user_data') => {
      const answer = await fetch(`${kit.url}/v1/files`, { method: 'POST', headers, body: fileForm(name, purpose) })
      if (answer.status !== 201) throw new Error(`not uploaded: ${await answer.text()}`)
      return ((await answer.json()) as { id: string }).id
    },
    owned,
    rowsOf: ({ owner }) =>
      store.ask(async () => {
        const rows = await store.db.select().from(belongings).prepare().execute()
        return rows.filter(row => row.owner === owner)
      }),
    stop: async () => {
      await kit.stop()
      await store.close()
      await cloud.stop()
    },
  }
}

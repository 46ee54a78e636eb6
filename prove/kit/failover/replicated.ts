import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runOn } from '../../../test/kit/database.ts'
import { memberAt, patroni } from '../../../test/kit/patroni.ts'
import { cluster, copyOf, serverOn } from '../../../test/kit/postgres.ts'

/** Two servers of PostgreSQL, of which one follows the other; each has a Patroni beside it, as far as clients ask one. */
export interface Pair {
  /** Where the Patronis answer, between commas. */
  readonly patronis: string
  /** Of the database at the server that was made first, and at the other one. */
  readonly urls: readonly [string, string]
  /** Ends the first server's machine: all its processes, and the Patroni beside it. */
  killPrimary(): void
  /** Makes the other the leader; when it took writes, in milliseconds since the epoch. */
  promote(): Promise<number>
  stop(): Promise<void>
}

const WAIT_SECONDS = 30

/**
 * Makes a pair that replicates synchronously: what the first acknowledges the second has. The second waits for nobody once
 * it is promoted.
 */
export async function replicatedPostgres(): Promise<Pair> {
  const first = await cluster()
  const second = copyOf(first, 'standby')
  writeFileSync(join(second.data, 'standby.signal'), '')
  const primary = await serverOn(first, ['synchronous_standby_names=*'])
  const from = `primary_conninfo=host=127.0.0.1 port=${new URL(primary.url).port} user=postgres`
  const standby = await serverOn(second, [from, 'hot_standby=on'])
  while ((await replicas(primary.url)) !== 'sync') await Bun.sleep(20)

  const says = [
    memberAt(primary.url, 'leader'),
    { ...memberAt(standby.url, 'sync_standby'), state: 'streaming', lag: 0 },
  ]
  const beside = [patroni(says), patroni(says)] as const
  return {
    patronis: beside.map(({ url }) => url).join(),
    urls: [primary.url, standby.url],
    killPrimary: () => {
      primary.kill()
      void beside[0].stop()
    },
    promote: async () => {
      // Told before it is true, as Patroni does (patroni#2972): until then the new leader takes no writes.
      const stopped = { ...memberAt(primary.url, 'replica'), state: 'stopped', lag: 'unknown' }
      beside[1].says = [stopped, memberAt(standby.url, 'leader')]
      await runOn(standby.url, `SELECT pg_promote(true, ${WAIT_SECONDS})`)
      return Date.now()
    },
    stop: async () => {
      await Promise.all([...beside, primary, standby].map(one => one.stop()))
    },
  }
}

async function replicas(url: string): Promise<string | undefined> {
  const [row] = await runOn<string>(url, 'SELECT sync_state FROM pg_stat_replication')
  return row?.['sync_state']
}

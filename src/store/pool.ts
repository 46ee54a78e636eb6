import type { SQL } from 'bun'
import { isSocket, type PostgresAddress } from '../protocol/database-url.ts'

// As long as whoever writes to SQLite waits for another process's lock.
const LOCK_MS = 5000
const CONNECT_SECONDS = 5
// A process that froze between two statements of a transaction holds its locks no longer than this.
const IDLE_IN_TRANSACTION_MS = 10_000

/** By whom a server's certificate may be signed: by one of these, in PEM, or by a public authority that the runtime knows. */
export interface Trust {
  readonly ca?: string | undefined
}

/** What is the same for all connections to one server. */
export interface Session {
  /** How the chain and the name of its certificate are checked; `off` speaks no TLS. */
  readonly tls: Trust | 'off'
  readonly connections: number
  /** After how long the server ends a statement; 0 for never. */
  readonly statementMs: number
  /** By which the server tells whose connection it is. */
  readonly name?: string
}

/**
 * Connections to one server, opened as they are needed: nothing else opens any. All that the driver would else take from
 * the environment is said: `PGDATABASE` goes before a URL there, and `PGSSLMODE` says whether there is TLS.
 */
export function poolAt(address: PostgresAddress, { tls, connections, statementMs, name }: Session): SQL {
  const { host, port, database, user, password, parameters } = address
  return new Bun.SQL({
    adapter: 'postgres',
    ...(isSocket(address) ? { path: `${host}/.s.PGSQL.${port}` } : { hostname: host }),
    port,
    database,
    username: user,
    // An empty one would be that of the environment.
    password: () => password,
    // Said, it holds whatever NODE_TLS_REJECT_UNAUTHORIZED says, and means the name too.
    tls: tls === 'off' ? false : { rejectUnauthorized: true, ...(tls.ca !== undefined && { ca: tls.ca }) },
    // As libpq does: whoever has another certificate for the host cannot pass a sign-in on.
    channelBinding: 'prefer',
    max: connections,
    connectionTimeout: CONNECT_SECONDS,
    connection: {
      ...parameters,
      ...(name !== undefined && { application_name: name }),
      statement_timeout: statementMs,
      lock_timeout: LOCK_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    },
  })
}

/** The pool in force: what every statement goes through, while another may take its place. */
export interface Handle {
  readonly pool: () => SQL
  /**
   * Puts another pool in the place of `stale`, whose statements may go on until their time is over; whether it did, for
   * somebody may have been first. One that it does not take is the caller's to close.
   */
  replace(stale: SQL, next: SQL): boolean
  close(): Promise<void>
}

/** A handle on a pool; one that is replaced is closed after `lingerMs` at most. */
export function handleOn(first: SQL, lingerMs: number): Handle {
  let inForce = first
  let isClosed = false
  return {
    pool: () => inForce,
    replace: (stale, next) => {
      if (isClosed || stale !== inForce) return false
      inForce = next
      stale.close({ timeout: lingerMs / 1000 }).catch(() => undefined)
      return true
    },
    close: () => {
      isClosed = true
      return inForce.close()
    },
  }
}

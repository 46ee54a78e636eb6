import { choice, databaseHost, database as databaseUrl, integer, path, text } from '../protocol/kinds.ts'
import type { Setting } from './setting.ts'

/** Which database the state lives in, and how it is reached. */
export const database = {
  DATABASE_URL: {
    kind: databaseUrl,
    default: 'sqlite:sealgate.db',
    dev: 'sqlite::memory:',
    attested: false,
    what: 'Where the state lives: `sqlite:FILE`, `sqlite::memory:` or `postgres://USER:PASSWORD@HOST/DATABASE`.',
    why: 'Operators: only they know which disk lasts, and who runs several machines.',
  },
  DATABASE_HOST: {
    kind: databaseHost,
    unset: 'DATABASE_URL says it',
    attested: false,
    what: 'In place of DATABASE_URL: the host of PostgreSQL, or the directory of its socket.',
    why: 'Operators who keep the password in a file, and so cannot write it into a URL.',
  },
  DATABASE_PORT: {
    kind: integer(1, 65_535),
    unset: '5432',
    attested: false,
    what: 'The port that goes with DATABASE_HOST.',
    why: 'Operators whose PostgreSQL listens on another one.',
  },
  DATABASE_NAME: {
    kind: text,
    unset: 'none; DATABASE_HOST needs it',
    attested: false,
    what: 'The database at DATABASE_HOST.',
    why: 'Operators who give DATABASE_HOST.',
  },
  DATABASE_USER: {
    kind: text,
    unset: 'none; DATABASE_HOST needs it',
    attested: false,
    what: 'Who signs in at DATABASE_HOST.',
    why: 'Operators who give DATABASE_HOST.',
  },
  DATABASE_PASSWORD: {
    kind: text,
    secret: true,
    unset: 'none: the server asks for none',
    attested: false,
    what: 'The password of DATABASE_USER.',
    why: 'Operators who give DATABASE_HOST; mostly given as a file.',
  },
  DATABASE_TLS: {
    kind: choice('off', 'verify-full'),
    unset: 'verify-full, and off to this machine',
    attested: true,
    what: 'Whether PostgreSQL is spoken to by TLS: `verify-full` asks for a certificate by a trusted signer, for that host.',
    why: 'Operators whose network to the database is nobody else’s (`off`), or a tunnel on this machine.',
  },
  DATABASE_CA_FILE: {
    kind: path,
    unset: 'the public authorities that Mozilla trusts',
    attested: false,
    what: 'Who may sign the certificate of PostgreSQL, in PEM; nobody else then. Read at the start.',
    why: 'Operators whose database has a certificate of their own, or of their provider’s.',
  },
  DATABASE_MAX_CONNECTIONS: {
    kind: integer(1, 1000),
    default: '10',
    attested: false,
    what: 'Connections of this process to PostgreSQL, opened at the first statement.',
    why: 'Operators, by what their PostgreSQL takes (100, unless told) and how many gateways share it.',
  },
} as const satisfies Readonly<Record<string, Setting>>

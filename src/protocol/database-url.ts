/** Where a PostgreSQL is, as whom, and which of its databases. */
export interface PostgresAddress {
  /** A name, an IP address without brackets, or the directory of a socket, which begins with `/`. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
  /** What each session is to be set to, as `search_path`. */
  readonly parameters: Readonly<Record<string, string>>
}

/** The port of PostgreSQL, unless told. */
export const POSTGRES_PORT = 5432

/** What a URL of PostgreSQL says; `undefined` for any other text. */
export function postgresAddress(text: string): PostgresAddress | undefined {
  const url = /^postgres(ql)?:\/\/\S+$/.test(text) ? URL.parse(text) : null
  if (url === null || url.hostname === '' || !/^\/[^/]+$/.test(url.pathname) || url.hash !== '') return undefined
  try {
    return {
      host: decodeURIComponent(url.hostname.replace(/^\[(.*)\]$/, '$1')),
      port: Number(url.port || POSTGRES_PORT),
      database: decodeURIComponent(url.pathname.slice(1)),
      user: decodeURIComponent(url.username) || 'postgres',
      password: decodeURIComponent(url.password),
      parameters: Object.fromEntries(url.searchParams),
    }
  } catch {
    // A `%` that begins no octet of UTF-8.
    return undefined
  }
}

/** The URL of an address without parameters. */
export function postgresUrl({ host, port, database, user, password }: Omit<PostgresAddress, 'parameters'>): string {
  const [who, secret, name] = [user, password, database].map(encodeURIComponent)
  const at = host.includes(':') ? `[${host}]` : encodeURIComponent(host)
  return `postgres://${who}${secret && `:${secret}`}@${at}:${port}/${name}`
}

/** An address as messages may show it: without user, password and parameters. */
export function displayedAddress({ host, port, database }: PostgresAddress): string {
  return `postgres://${host.includes(':') ? `[${host}]` : host}:${port}/${database}`
}

/** Whether it is reached by a socket of this machine, over which PostgreSQL speaks no TLS. */
export const isSocket = ({ host }: Pick<PostgresAddress, 'host'>): boolean => host.startsWith('/')

/** Whether what is said to it does not leave this machine. */
export const isOnThisMachine = (address: Pick<PostgresAddress, 'host'>): boolean =>
  isSocket(address) || /^(localhost|127(\.\d{1,3}){3}|::1)$/.test(address.host)

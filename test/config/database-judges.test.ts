import { describe, expect, test } from 'bun:test'
import { clusterUrlsOf, databaseTlsOf, databaseUrlOf } from '../../src/config/database.ts'
import { readConfig } from '../../src/config.ts'
import { faultsOf, hex, marked, needed, read, readFile } from '../kit/config.ts'

const parts = { DATABASE_HOST: 'db.example', DATABASE_NAME: 'sealgate', DATABASE_USER: 'me' }
const given = { ...needed, DATA_KEY: hex }

describe('PostgreSQL', () => {
  const DATABASE_URL = `postgres://sealgate:${marked}@db/sealgate`
  const fault = 'DATA_KEY is required with PostgreSQL: make one with `openssl rand -hex 32`, and keep a copy'

  test('needs a DATA_KEY where no guest agent can give one, in dev mode too', () => {
    expect(faultsOf(() => read({ ...needed, DATABASE_URL, TEE: 'none' }))).toEqual([fault])
    expect(faultsOf(() => read({ DATABASE_URL }, ['--dev-mode']))).toEqual([fault])
    expect(read({ ...needed, DATABASE_URL, DATA_KEY: hex }).config.DATABASE_URL).toBe(DATABASE_URL)
    expect(read({ ...needed, DATABASE_URL, DATA_KEY_FILE: '/hex' }).warnings).toEqual([])
  })

  test.each([
    { TEE: 'auto' },
    { TEE: 'dstack' },
    { DEV_MODE: 'true', DSTACK_SIMULATOR_ENDPOINT: '/run/simulator.sock' },
  ])('may have its key from the guest agent with %j', given => {
    expect(read({ ...needed, DATABASE_URL, ...given }).config.DATA_KEY).toBeUndefined()
  })

  test('with a DATA_KEY that cannot be read is that fault alone', () => {
    const env = { ...needed, DATABASE_URL, DATA_KEY: 'short' }
    expect(faultsOf(() => read(env))).toEqual(['DATA_KEY is not 32 bytes in hex (64 digits)'])
  })

  test('is warned of where its password stands on the command line', () => {
    const argv = ['--database-url', DATABASE_URL]
    const warning = '--database-url shows a password to whoever lists processes: use DATABASE_URL'
    expect(read({ ...needed, DATA_KEY: hex }, argv).warnings).toEqual([warning])
    expect(read({ ...needed, DATA_KEY: hex }, ['--database-url', 'postgres://db/a']).warnings).toEqual([])
  })

  test.each([`postgres://sealgate:${marked}/db`, `postgres:sealgate:${marked}`, `postgresql://u:${marked}@/a`])(
    'that is not understood shows nothing of its URL: %s',
    url => {
      const [said = ''] = faultsOf(() => read({ ...needed, DATABASE_URL: url }))
      expect(said).toMatch(/^DATABASE_URL: "postgres(ql)?\.\.\." is not one of/)
    },
  )
})

describe('the parts of a URL', () => {
  test('stand for it, the password from a file', () => {
    const env = { ...given, ...parts, DATABASE_PORT: '6432', DATABASE_PASSWORD_FILE: '/key' }
    const { config, warnings } = read(env)
    expect(databaseUrlOf(config)).toBe(`postgres://me:${marked}@db.example:6432/sealgate`)
    expect([databaseTlsOf(config), config.DATABASE_MAX_CONNECTIONS, warnings]).toEqual(['verify-full', 10, []])
    expect(databaseUrlOf(read({ ...given, ...parts }, ['--dev-mode', '--allow-plaintext=false']).config)).toBe(
      'postgres://me@db.example:5432/sealgate',
    )
  })

  test.each([
    [
      { DATABASE_URL: 'sqlite:a.db' },
      'DATABASE_URL and DATABASE_HOST, DATABASE_NAME, and DATABASE_USER are given, which say the same: drop either',
    ],
    [
      { DATABASE_HOST: '' },
      'DATABASE_NAME and DATABASE_USER cannot do without DATABASE_HOST: give all of them, or DATABASE_URL',
    ],
    [
      { DATABASE_NAME: '', DATABASE_USER: '', DATABASE_PASSWORD_FILE: '/key' },
      'DATABASE_HOST and DATABASE_PASSWORD cannot do without DATABASE_NAME and DATABASE_USER: give all of them, or DATABASE_URL',
    ],
    [
      { DATABASE_HOST: 'db:5432' },
      'DATABASE_HOST: "db:5432" is not a host name, an IP address without a port, or the directory of a socket, beginning with /',
    ],
  ])('are a fault where they are not whole: %j', (change, fault) => {
    expect(faultsOf(() => read({ ...given, ...parts, ...change }))).toEqual([fault])
  })

  test('are no fault of a subcommand that needs no database', () => {
    const { config } = readConfig({ env: { DATABASE_HOST: 'db' }, argv: [], readFile, only: ['PORT'] })
    expect(config).toEqual({ PORT: 5381 })
  })
})

describe('a cluster', () => {
  const who = { DATABASE_NAME: 'sealgate', DATABASE_USER: 'me' }
  const PATRONI_URLS = 'https://pg-1.example:8008, https://pg-2.example/cluster,http://127.0.0.1:8008/'
  const app = { DATABASE_PRIMARY_APP_ID: 'app1', GATEWAY_SUBDOMAIN: 'gateway.example' }

  test('is asked at all its members, or at port 8008 of an application, and its primary has no host until then', () => {
    const { config, warnings } = read({ ...given, ...who, PATRONI_URLS })
    expect(clusterUrlsOf(config)).toEqual([
      'https://pg-1.example:8008/cluster',
      'https://pg-2.example/cluster',
      'http://127.0.0.1:8008/cluster',
    ])
    expect([databaseUrlOf(config), warnings]).toEqual(['postgres://me@primary.invalid:5432/sealgate', []])
    expect(clusterUrlsOf(read({ ...given, ...who, ...app }).config)).toEqual([
      'https://app1-8008.gateway.example/cluster',
    ])
    expect(clusterUrlsOf(read({ ...given, ...parts }).config)).toBeUndefined()
  })

  test('is spoken to by TLS whichever machine it says it is on, unless told', () => {
    expect(databaseTlsOf(read({ ...given, ...who, PATRONI_URLS: 'http://localhost:8008' }).config)).toBe('verify-full')
    expect(read({ ...given, ...who, PATRONI_URLS, DATABASE_TLS: 'off' }).warnings).toEqual([
      'DATABASE_TLS is off: whoever sits on the way to the database can read and change what is kept',
    ])
  })

  test.each([
    [
      { ...who, PATRONI_URLS, DATABASE_URL: 'postgres://db/a' },
      'DATABASE_URL and DATABASE_NAME, DATABASE_USER, and PATRONI_URLS are given, which say the same: drop either',
    ],
    [
      { ...who, PATRONI_URLS, DATABASE_HOST: 'db' },
      'DATABASE_HOST and PATRONI_URLS are given, which say the same: drop either',
    ],
    [
      { ...who, PATRONI_URLS, ...app },
      'PATRONI_URLS and DATABASE_PRIMARY_APP_ID and GATEWAY_SUBDOMAIN are given, which say the same: drop either',
    ],
    [
      { PATRONI_URLS },
      'PATRONI_URLS cannot do without DATABASE_NAME and DATABASE_USER: give all of them, or DATABASE_URL',
    ],
    [
      { ...who, DATABASE_PRIMARY_APP_ID: 'app1' },
      'DATABASE_NAME, DATABASE_USER, and DATABASE_PRIMARY_APP_ID cannot do without GATEWAY_SUBDOMAIN: give all of them, or DATABASE_URL',
    ],
    [
      { ...who, ...app, DATABASE_PRIMARY_APP_ID: 'evil.example/' },
      'DATABASE_PRIMARY_APP_ID: "evil.example/" is not the id of an application: at most 57 letters, digits and hyphens',
    ],
    [
      { ...who, ...app, GATEWAY_SUBDOMAIN: 'gateway.example:443' },
      'GATEWAY_SUBDOMAIN: "gateway.example:443" is not a domain like gateway.example.com',
    ],
    [
      { ...who, PATRONI_URLS: 'https://a.example,pg-2:8008' },
      'PATRONI_URLS: "https://a.example,pg-2:8008" is not a list of http or https URLs between commas, none with a user, a query or a fragment',
    ],
    [
      { ...who, PATRONI_URLS: 'http://pg-1:8008' },
      'PATRONI_URLS: "http://pg-1:8008/cluster" is plain http: whoever sits on the way can say that a server of theirs is the database. Use https, or name its own authority with DATABASE_CA_FILE',
    ],
  ])('is a fault where it is not whole, said twice or misunderstood: %j', (change, fault) => {
    expect(faultsOf(() => read({ ...given, ...change }))).toEqual([fault])
  })

  test('may be asked by plain http where one authority says which servers are the database’s', () => {
    const plain = { ...given, ...who, PATRONI_URLS: 'http://pg-1:8008', DATABASE_CA_FILE: '/ca.pem' }
    expect(read(plain).warnings).toEqual([
      'PATRONI_URLS: "http://pg-1:8008/cluster" is plain http: whoever sits on the way can say that a server that the authority of DATABASE_CA_FILE certified is the database. Use https',
    ])
  })
})

describe('TLS to the database', () => {
  const tlsOf = (env: Record<string, string>) => databaseTlsOf(read({ ...given, ...env }).config)

  test('is spoken unless that is on this machine, or told', () => {
    expect(tlsOf(parts)).toBe('verify-full')
    expect(tlsOf({ DATABASE_URL: 'postgres://10.0.0.1/a' })).toBe('verify-full')
    expect(tlsOf({ ...parts, DATABASE_HOST: '::1' })).toBe('off')
    expect(tlsOf({ ...parts, DATABASE_HOST: '/run/postgresql' })).toBe('off')
    expect(tlsOf({ ...parts, DATABASE_HOST: 'localhost', DATABASE_TLS: 'verify-full' })).toBe('verify-full')
    expect(tlsOf({})).toBeUndefined()
  })

  test('that is off to another machine is warned of', () => {
    expect(read({ ...given, ...parts, DATABASE_TLS: 'off' }).warnings).toEqual([
      'DATABASE_TLS is off: whoever sits on the way to the database can read and change what is kept',
    ])
    expect(read({ ...given, ...parts, DATABASE_HOST: 'localhost', DATABASE_TLS: 'off' }).warnings).toEqual([])
  })

  test.each([
    [
      { DATABASE_HOST: '/run', DATABASE_TLS: 'verify-full' },
      'DATABASE_TLS: PostgreSQL speaks no TLS over a socket: drop it, or name a host that listens',
    ],
    [
      { DATABASE_HOST: 'localhost', DATABASE_CA_FILE: 'ca.pem' },
      'DATABASE_CA_FILE means nothing without TLS: set DATABASE_TLS=verify-full, or drop it',
    ],
  ])('cannot be what nothing comes of: %j', (change, fault) => {
    expect(faultsOf(() => read({ ...given, ...parts, ...change }))).toEqual([fault])
  })

  test.each(['sslmode', 'sslrootcert', 'channel_binding'])('is not for the URL to say: %s', name => {
    const env = { ...given, DATABASE_URL: `postgres://db.example/a?${name}=${marked}&search_path=b` }
    expect(faultsOf(() => read(env))).toEqual([
      `DATABASE_URL: ${name} in it is not heeded: drop it, for DATABASE_TLS decides`,
    ])
  })

  test('and connections mean nothing with SQLite', () => {
    expect(read({ ...needed, DATABASE_TLS: 'verify-full', DATABASE_MAX_CONNECTIONS: '5' }).warnings).toEqual([
      'With SQLite nothing comes of DATABASE_TLS and DATABASE_MAX_CONNECTIONS: drop it, or use PostgreSQL',
    ])
  })
})

import { describe, expect, test } from 'bun:test'
import { inspect } from 'node:util'
import { ConfigFaults, describeFaults, readConfig } from '../src/config.ts'
import { Secret } from '../src/protocol/secret.ts'
import { type Config, rows } from '../src/settings.ts'
import { dev, faultsOf, hex, marked, needed, read, readFile } from './kit/config.ts'

describe('what is read', () => {
  test('every setting has the type that its row gives it', () => {
    const { config } = read(needed)
    const port: number = config.PORT
    const level: 'debug' | 'info' | 'warn' | 'error' = config.LOG_LEVEL
    const key: Secret | undefined = config.TINFOIL_API_KEY
    // @ts-expect-error an optional setting is not a string for certain
    const issuer: string = config.ISSUER
    // @ts-expect-error nothing can be written to
    expect(() => (config.PORT = 1)).toThrow(TypeError)
    expect([port, level, key?.reveal(), issuer]).toEqual([5381, 'info', marked, 'https://id.example'])
  })

  test('outside dev mode the defaults are those of a server', () => {
    expect<object>(read(needed).config).toEqual({
      TINFOIL_API_KEY: expect.any(Secret),
      JWKS_URL: 'https://id.example/keys',
      ISSUER: 'https://id.example',
      AUDIENCES: undefined,
      HOST: '0.0.0.0',
      PORT: 5381,
      FRONTEND_DIR: undefined,
      FRONTEND_CSP: expect.stringMatching(/^default-src 'self';.*frame-ancestors 'none'$/),
      DATABASE_URL: 'sqlite:sealgate.db',
      DATABASE_MAX_CONNECTIONS: 10,
      DATABASE_REFRESH_INTERVAL: 30,
      DATA_KEY: undefined,
      IDENTITY_HASH_KEY: undefined,
      OIDC_NAME: 'Single sign-on',
      OIDC_TRUST_EMAIL: false,
      SESSION_IN_REDIRECT: false,
      SESSION_DAYS: 30,
      SESSION_MAX_DAYS: 90,
      RATE_LIMIT_RPM: 60,
      RECEIPT_DAYS: 30,
      ACTIVITY_DAYS: 90,
      RATE_LIMIT_BURST: 10,
      TOKEN_LIMIT_DAY: 0,
      CONCURRENT_LIMIT: 8,
      MAX_IN_FLIGHT: 1000,
      MAX_BODY_BYTES: 68_157_440,
      MAX_FILE_BYTES: 536_870_912,
      MAX_JSON_BYTES: 33_554_432,
      TINFOIL_BASE_URL: 'https://inference.tinfoil.sh',
      TINFOIL_ENCLAVE_HOSTS: [
        'inference.tinfoil.sh',
        '*.inference.tinfoil.sh',
        'router-*.tinfoil.dev',
        'router.inf*.tinfoil.sh',
      ],
      TINFOIL_ATC_URL: 'https://atc.tinfoil.sh',
      ALLOW_PLAINTEXT: false,
      OPENAI_BASE_URL: undefined,
      OPENAI_API_KEY: undefined,
      VPC_SHARED_SECRET: undefined,
      VPC_CLIENT_ID: 'chat-api-client',
      CORS_ALLOWED_ORIGINS: undefined,
      TRUSTED_PROXIES: undefined,
      UPSTREAM_HEADER_SECONDS: 600,
      DRAIN_SECONDS: 30,
      WORKERS: 1,
      LOG_FORMAT: 'text',
      LOG_LEVEL: 'info',
      DOCS: true,
      DEV_MODE: false,
      TEE: 'auto',
      TLS: 'off',
      TLS_MIN_VERSION: '1.3',
    })
  })

  test('dev mode needs nothing, listens on loopback and keeps its state in memory', () => {
    const { config, warnings } = dev({})
    expect(config).toMatchObject({ DEV_MODE: true, HOST: '127.0.0.1', DATABASE_URL: 'sqlite::memory:' })
    expect(config.ALLOW_PLAINTEXT).toBe(true)
    expect(warnings).toEqual([])
    expect(dev({ HOST: '0.0.0.0' }).config.HOST).toBe('0.0.0.0')
  })

  test('dev mode warns that a real key lets open bodies through, unless told that they are not', () => {
    expect(dev({ TINFOIL_API_KEY: 'tk_1' }).warnings).toEqual([expect.stringContaining('ALLOW_PLAINTEXT')])
    expect(dev({ TINFOIL_API_KEY: 'tk_1', ALLOW_PLAINTEXT: 'false' }).warnings).toEqual([])
  })

  test.each([
    ['TINFOIL_ENCLAVE_HOSTS', '*.sh'],
    ['TINFOIL_ENCLAVE_HOSTS', 'https://inference.tinfoil.sh'],
    ['CORS_ALLOWED_ORIGINS', '*'],
    ['CORS_ALLOWED_ORIGINS', 'https://app.example/'],
    ['TRUSTED_PROXIES', '10.0.0.1'],
  ])('%s takes no %s', (name, value) => {
    expect(() => read({ ...needed, [name]: value })).toThrow(`${name}: "${value}" is not a list of`)
  })

  test('an empty variable counts as unset', () => {
    expect(read({ ...needed, PORT: '', DATA_KEY: '', DATA_KEY_FILE: '', DEV_MODE: '' }).config.PORT).toBe(5381)
  })

  test('a variable that is no setting is left alone, and nothing is inherited from a prototype', () => {
    const env: Record<string, string> = Object.assign(Object.create({ toString: 'x' }), needed, {
      PATH: '/bin',
      PORTS: 'x',
    })
    expect(Object.keys(read(env).config)).toEqual(rows.flatMap(([key, { only }]) => (only ? [] : [key])))
  })

  test('only what is asked for is read and required', () => {
    const { config } = readConfig({
      env: { PORT: '1', RATE_LIMIT_RPM: 'x' },
      argv: [],
      readFile,
      only: ['HOST', 'PORT'],
    })
    const typed: Pick<Config, 'HOST' | 'PORT'> = config
    // @ts-expect-error what was not asked for is not there
    expect(config.LOG_LEVEL).toBeUndefined()
    expect(typed).toEqual({ HOST: '0.0.0.0', PORT: 1 })
  })

  test('a subset still knows dev mode, and still refuses what it does not understand', () => {
    const some = (argv: string[]) => readConfig({ env: {}, argv, readFile, only: ['HOST'] })
    expect(some(['healthcheck', '--dev-mode']).config).toEqual({ HOST: '127.0.0.1' })
    expect(faultsOf(() => some(['--prot', '1']))).toHaveLength(2)
  })
})

describe('flags', () => {
  test('a flag wins over the environment, as one word or two', () => {
    expect(dev({ PORT: '1' }, ['--port', '6000']).config.PORT).toBe(6000)
    expect(dev({ PORT: '80a' }, ['--port=6001']).config.PORT).toBe(6001)
  })

  test('a fault points at the flag that caused it', () => {
    expect(faultsOf(() => dev({}, ['--port', '80a']))).toEqual(['--port: "80a" is not a whole number from 0 to 65535'])
  })
})

describe('secrets', () => {
  test.each(['/key', '/crlf'])(
    'a secret is read from the file that NAME_FILE names, without its last newline: %s',
    path => {
      const env = { JWKS_URL: needed.JWKS_URL, TINFOIL_API_KEY_FILE: path }
      expect(read(env).config.TINFOIL_API_KEY?.reveal()).toBe(marked)
      expect(dev({}, ['--tinfoil-api-key-file', path]).config.TINFOIL_API_KEY?.reveal()).toBe(marked)
    },
  )

  test('every secret has its file', () => {
    const secrets = rows.filter(([, { secret }]) => secret).map(([key]) => key)
    expect(secrets).toEqual([
      'TINFOIL_API_KEY',
      'GOOGLE_CLIENT_SECRET',
      'GITHUB_CLIENT_SECRET',
      'OIDC_CLIENT_SECRET',
      'UPSTREAM_PROXY',
      'DATABASE_PASSWORD',
      'DATA_KEY',
      'DATA_KEY_PREVIOUS',
      'IDENTITY_HASH_KEY',
      'OPENAI_API_KEY',
      'VPC_SHARED_SECRET',
    ])
    for (const key of secrets) {
      const path = key === 'UPSTREAM_PROXY' ? '/proxy' : '/hex'
      const env = { [`${key}_FILE`]: path }
      const value: unknown = readConfig({ env, argv: [], readFile, only: [key, 'DEV_MODE'] }).config[key]
      expect(value instanceof Secret && value.reveal()).toBe(readFile(path).trim())
    }
  })

  test.each([
    ['/none', 'TINFOIL_API_KEY_FILE names a file that cannot be read (ENOENT)'],
    ['/empty', 'TINFOIL_API_KEY_FILE names an empty file'],
    [
      '/two-newlines',
      'the content of TINFOIL_API_KEY_FILE is not visible ASCII without blanks, as an HTTP header needs it',
    ],
  ])('a file that holds no secret is a fault: %s', (path, fault) => {
    expect(faultsOf(() => read({ JWKS_URL: needed.JWKS_URL, TINFOIL_API_KEY_FILE: path }))).toEqual([fault])
  })

  test('a secret given twice is a fault, wherever the two stand', () => {
    const twice = 'TINFOIL_API_KEY and TINFOIL_API_KEY_FILE are both given: drop one'
    expect(faultsOf(() => read({ ...needed, TINFOIL_API_KEY_FILE: '/key' }))).toEqual([twice])
    expect(faultsOf(() => read(needed, ['--tinfoil-api-key-file=/key']))).toEqual([
      'TINFOIL_API_KEY and --tinfoil-api-key-file are both given: drop one',
    ])
  })

  test('a secret on the command line is warned of', () => {
    expect(dev({ ALLOW_PLAINTEXT: 'false' }, ['--tinfoil-api-key', marked]).warnings).toEqual([
      '--tinfoil-api-key shows a secret to whoever lists processes: use TINFOIL_API_KEY or TINFOIL_API_KEY_FILE',
    ])
    expect(dev({ TINFOIL_API_KEY: marked, ALLOW_PLAINTEXT: 'false' }, ['--data-key-file=/hex']).warnings).toEqual([])
  })

  test('no value of a secret can be seen in the config', () => {
    const { config, warnings } = dev({ DATA_KEY: hex, IDENTITY_HASH_KEY_FILE: '/hex' }, ['--tinfoil-api-key', marked])
    const seen = [
      inspect(config, { depth: 9, showHidden: true }),
      JSON.stringify(config),
      Bun.inspect(config),
      ...warnings,
    ]
    expect(seen.join('\n')).not.toMatch(new RegExp(`${marked}|${hex}`))
    expect(config.DATA_KEY?.reveal()).toBe(hex)
  })

  // A secret in each wrong place that we could think of.
  test.each<[Record<string, string>, string[]]>([
    [{ TINFOIL_API_KEY: `${marked} ` }, []],
    [{ DATA_KEY: marked, IDENTITY_HASH_KEY: marked }, []],
    [{ TINFOIL_API_KEY_FILE: marked }, []],
    [{ TINFOIL_API_KEY_FILE: '/two-newlines' }, []],
    [{ TINFOIL_API_KEY: marked, TINFOIL_API_KEY_FILE: '/key' }, []],
    [{ TINFOIL_BASE_URL: `https://${marked}@h.example` }, []],
    [{ TINFOIL_BASE_URL: `https://h.example?key=${marked}` }, []],
    [{ DATABASE_URL: `postgres://sealgate:${marked}@db/sealgate` }, []],
    [{ GOOGLE_CLIENT_SECRET: ` ${marked}` }, []],
    [{ GITHUB_CLIENT_SECRET: marked }, []],
    [{ OIDC_CLIENT_SECRET: `${marked}\n` }, []],
    [{ PUBLIC_URL: `http://h.example/${marked}?`, REDIRECT_URI: `https://${marked}@h.example` }, []],
    [{ OIDC_ISSUER: `https://me:${marked}@id.example` }, []],
    [{}, [marked]],
    [{}, ['--data-key', marked]],
    [{}, ['--tinfoil-key', marked]],
    [{}, [`--tinfoil-key=${marked}`]],
    [{}, [`--tinfoil-api-key:${marked}`]],
    [{}, ['--tinfoil-api-key', `-${marked}`]],
    [{}, ['--tinfoil-api-key-file', marked]],
    [{}, ['--dev-mode', marked]],
  ])('no fault shows a secret: %j %j', (env, argv) => {
    const faults = faultsOf(() => read(env, argv))
    expect(faults.join('\n')).not.toContain(marked)
    expect(faults.length).toBeGreaterThan(0)
  })
})

describe('what is judged', () => {
  test('all faults come in one message', () => {
    const env = { PORT: '80a', RATE_LIMIT_BURST: '0', LOG_FORMAT: 'xml', AUDIENCES: 'a,', DATA_KEY: 'short' }
    const faults = faultsOf(() => read(env, ['--prot', '--drain-seconds=1e3']))
    expect(describeFaults(faults)).toBe(
      [
        'The configuration has 9 faults (--help lists every setting):',
        '--prot is no flag of sealgate',
        'TINFOIL_API_KEY is required (or TINFOIL_API_KEY_FILE, OPENAI_BASE_URL; --dev-mode does without)',
        'JWKS_URL is required (or ISSUER, GOOGLE_CLIENT_ID, GITHUB_CLIENT_ID, OIDC_ISSUER; --dev-mode does without)',
        'AUDIENCES: "a," is not a list of non-empty entries between commas',
        'PORT: "80a" is not a whole number from 0 to 65535',
        'DATA_KEY is not 32 bytes in hex (64 digits)',
        'RATE_LIMIT_BURST: "0" is not a whole number from 1 to 1000000',
        '--drain-seconds: "1e3" is not a whole number from 0 to 86400',
        'LOG_FORMAT: "xml" is not one of text, json',
      ].join('\n  '),
    )
    expect(new ConfigFaults(faults).message).toBe(describeFaults(faults))
  })

  test('a DEV_MODE that is not understood is the only fault that it causes', () => {
    expect(faultsOf(() => read({ DEV_MODE: 'yes' }))).toEqual(['DEV_MODE: "yes" is not one of true, false, 1, 0'])
  })
})

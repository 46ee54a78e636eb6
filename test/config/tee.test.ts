import { describe, expect, test } from 'bun:test'
import { dev, faultsOf, needed, read } from '../kit/config.ts'

const given = (env: Record<string, string>, argv: string[] = []) => read({ ...needed, ...env }, argv)
const teeOf = (env: Record<string, string>, argv?: string[]) => given(env, argv).config.TEE

describe('which TEE', () => {
  test.each<[Record<string, string>, string]>([
    [{}, 'auto'],
    [{ DEV: '' }, 'auto'],
    [{ DEV: 'false' }, 'dstack'],
    [{ DEV: '0' }, 'dstack'],
    [{ DEV_MODE: 'false' }, 'dstack'],
    [{ DEV: 'false', TEE: 'none' }, 'none'],
    [{ DEV: 'false', TEE: 'auto' }, 'auto'],
    [{ TEE: 'dstack' }, 'dstack'],
  ])('outside dev mode, of %j', (env, tee) => {
    expect(teeOf(env)).toBe(tee as ReturnType<typeof teeOf>)
    expect(given(env).config.DEV_MODE).toBe(false)
  })

  test('a flag says it as well', () => {
    expect([teeOf({}, ['--dev-mode=false']), teeOf({ DEV: 'false' }, ['--tee', 'none'])]).toEqual(['dstack', 'none'])
  })

  test.each([{ DEV: 'true' }, { DEV_MODE: 'true' }, { DEV: 'true', TEE: 'simulated' }])(
    'in dev mode it is simulated: %j',
    env => {
      const { config, warnings } = read(env)
      expect([config.TEE, config.DEV_MODE, warnings]).toEqual(['simulated', true, []])
    },
  )

  test('the older name of dev mode beside the newer one is a fault', () => {
    expect(faultsOf(() => given({ DEV: 'false', DEV_MODE: 'false' }))).toEqual([
      'DEV_MODE and DEV are both given, the second an older name of the first: drop DEV',
    ])
  })

  test('dev mode takes no other', () => {
    for (const TEE of ['dstack', 'auto', 'none'])
      expect(faultsOf(() => dev({ TEE }))).toEqual(['TEE: dev mode is always simulated: drop TEE, or dev mode'])
  })

  test('simulated proves nothing, and is for dev mode only', () => {
    const fault = 'TEE: simulated is for dev mode only: nothing would be proved'
    expect(faultsOf(() => given({ TEE: 'simulated' }))).toEqual([fault])
    expect(faultsOf(() => given({ TEE: 'simulated', DEV: 'false' }))).toEqual([fault])
  })

  test('a word that is none is the only fault that it causes', () => {
    const fault = 'TEE: "sgx" is not one of auto, dstack, simulated, none'
    expect(faultsOf(() => given({ TEE: 'sgx' }))).toEqual([fault])
    expect(faultsOf(() => dev({ TEE: 'sgx' }))).toEqual([fault])
  })

  test('a simulator is heeded in dev mode, and warned of elsewhere', () => {
    const env = { DSTACK_SIMULATOR_ENDPOINT: '/tmp/dstack.sock' }
    expect([dev(env).warnings, given(env).warnings]).toEqual([
      [],
      ['DSTACK_SIMULATOR_ENDPOINT is heeded in dev mode only: drop it'],
    ])
    expect(dev({ DSTACK_SIMULATOR_ENDPOINT: 'http://localhost:8090/' }).config.DSTACK_SIMULATOR_ENDPOINT).toBe(
      'http://localhost:8090',
    )
    for (const place of ['dstack.sock', 'ftp://h/', '/a\0b'])
      expect(faultsOf(() => dev({ DSTACK_SIMULATOR_ENDPOINT: place }))).toHaveLength(1)
  })
})

describe('where TLS ends', () => {
  test('a certificate and its key come together, or not at all', () => {
    const pair = { TLS_CERT_FILE: '/cert', TLS_KEY_FILE: '/key.pem' }
    expect(given(pair).config).toMatchObject({ ...pair, TLS: 'off' })
    expect(faultsOf(() => given({ TLS_CERT_FILE: '/cert' }))).toEqual([
      'TLS_CERT_FILE needs TLS_KEY_FILE: give both, or neither',
    ])
    expect(faultsOf(() => given({ TLS_KEY_FILE: '/key.pem' }))).toEqual([
      'TLS_KEY_FILE needs TLS_CERT_FILE: give both, or neither',
    ])
  })

  test('a certificate of dstack leaves no place for another, and needs its agent', () => {
    const pair = { TLS_CERT_FILE: '/cert', TLS_KEY_FILE: '/key.pem' }
    expect(faultsOf(() => given({ ...pair, TLS: 'dstack' }))).toEqual([
      'TLS: dstack brings its own certificate: drop TLS_CERT_FILE',
    ])
    expect(faultsOf(() => given({ TLS: 'dstack', TEE: 'none' }))).toEqual([
      'TLS: dstack needs the guest agent of a TEE: TEE is none',
    ])
    expect(given({ TLS: 'dstack' }).config.TLS).toBe('dstack')
    expect(dev({ TLS: 'dstack' }).config.TLS).toBe('dstack')
  })
})

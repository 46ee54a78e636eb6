import { describe, expect, test } from 'bun:test'
import { dev, faultsOf, marked, needed, read, readFile } from '../kit/config.ts'

const address = { OPENAI_BASE_URL: 'https://cloud.example/v1' }
const { TINFOIL_API_KEY: _, ...callers } = needed

describe('a backend by OPENAI_BASE_URL', () => {
  test('is enough without Tinfoil', () => {
    const { config, warnings } = read({ ...callers, ...address, OPENAI_API_KEY: marked })
    expect([config.OPENAI_BASE_URL, config.TINFOIL_API_KEY, warnings]).toEqual([address.OPENAI_BASE_URL, undefined, []])
  })

  test.each([read, dev])('needs a key or a secret', reading => {
    expect(faultsOf(() => reading({ ...needed, ...address, ALLOW_PLAINTEXT: 'false' }))).toEqual([
      'OPENAI_BASE_URL needs a key: give OPENAI_API_KEY, or VPC_SHARED_SECRET to log in for one',
    ])
  })

  test('over plain http is for loopback, or for dev mode', () => {
    const env = { ...callers, OPENAI_API_KEY: marked, OPENAI_BASE_URL: 'http://cloud.example/v1' }
    expect(faultsOf(() => read(env))).toEqual([
      'OPENAI_BASE_URL: "http://cloud.example/v1" would send the key in the clear: use https (http is for loopback)',
    ])
    expect(dev(env).warnings).toEqual([])
    expect(read({ ...env, OPENAI_BASE_URL: 'http://127.0.0.1:1/v1/' }).warnings).toEqual([])
  })

  test.each(['https://cloud.example', 'https://cloud.example/v1/models', 'https://cloud.example/v2'])(
    'is warned of where /v1 is not its end: %s',
    OPENAI_BASE_URL => {
      expect(read({ ...callers, OPENAI_API_KEY: marked, OPENAI_BASE_URL }).warnings).toEqual([
        `OPENAI_BASE_URL: "${OPENAI_BASE_URL}" does not end in /v1, as such addresses do: give it with its /v1`,
      ])
    },
  )

  test('beside Tinfoil gets the open chats, and a warning says so', () => {
    const both = { ...needed, ...address, OPENAI_API_KEY: marked }
    const warning =
      "With ALLOW_PLAINTEXT open chats go to OPENAI_BASE_URL, and not to Tinfoil's enclave: set it to false to refuse them"
    expect(read(both).warnings).toEqual([])
    expect(read({ ...both, ALLOW_PLAINTEXT: 'true' }).warnings).toEqual([warning])
    expect(dev(both).warnings).toEqual([warning])
  })
})

describe('a VPC login', () => {
  test('takes the secret from its file, without the blanks around it', () => {
    const file = (path: string) => (path === '/vpc' ? `\n ${marked} and more\t\r\n\n` : readFile(path))
    const env = { ...callers, ...address, VPC_SHARED_SECRET_FILE: '/vpc' }
    const { config, warnings } = read(env, [], file)
    expect([config.VPC_SHARED_SECRET?.reveal(), config.VPC_CLIENT_ID, warnings]).toEqual([
      `${marked} and more`,
      'chat-api-client',
      [],
    ])
  })

  test.each([' \n', '\ufffd'])('takes no file of %j', text => {
    const env = { ...callers, ...address, VPC_SHARED_SECRET_FILE: '/vpc' }
    expect(faultsOf(() => read(env, [], () => text))).toEqual([
      'the content of VPC_SHARED_SECRET_FILE is not a text in UTF-8 that is not blank',
    ])
  })

  test('wins over a key, and a warning says so', () => {
    const env = { ...callers, ...address, OPENAI_API_KEY: marked, VPC_SHARED_SECRET: marked }
    expect(read(env).warnings).toEqual(['VPC_SHARED_SECRET is given, so nothing comes of OPENAI_API_KEY: drop one'])
  })

  test.each([
    ['Tinfoil alone', needed],
    ['a key', { ...callers, ...address, OPENAI_API_KEY: marked }],
  ])('is none without its secret, and its client is warned of: with %s', (_, env) => {
    expect(read({ ...env, VPC_CLIENT_ID: 'gate' }).warnings).toEqual([
      'Without VPC_SHARED_SECRET nothing comes of VPC_CLIENT_ID: give that too, or drop it',
    ])
  })
})

test('without an address a secret is a fault, and a key is warned of', () => {
  expect(faultsOf(() => read({ ...needed, VPC_SHARED_SECRET: marked }))).toEqual([
    'VPC_SHARED_SECRET needs OPENAI_BASE_URL: the address of the backend where it logs in',
  ])
  expect(read({ ...needed, OPENAI_API_KEY: marked }).warnings).toEqual([
    'Without OPENAI_BASE_URL nothing comes of OPENAI_API_KEY: give that too, or drop it',
  ])
})

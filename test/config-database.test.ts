import { describe, expect, test } from 'bun:test'
import { ConfigFaults, readConfig } from '../src/config.ts'

const marked = 'marked_do_not_show_1'
const hex = '5ea1'.repeat(16)
const needed = { TINFOIL_API_KEY: 'tk', JWKS_URL: 'https://id.example/keys', ISSUER: 'https://id.example' }

const read = (env: Record<string, string>, argv: string[] = []) => readConfig({ env, argv, readFile: () => hex })

function faultsOf(run: () => unknown): readonly string[] {
  try {
    run()
  } catch (error) {
    if (error instanceof ConfigFaults) return error.faults
    throw error
  }
  throw new Error('no fault was found')
}

describe('PostgreSQL', () => {
  const DATABASE_URL = `postgres://sealgate:${marked}@db/sealgate`
  const fault = 'DATA_KEY is required with PostgreSQL: make one with `openssl rand -hex 32`, and keep a copy'

  test('needs a DATA_KEY, in dev mode too', () => {
    expect(faultsOf(() => read({ ...needed, DATABASE_URL }))).toEqual([fault])
    expect(faultsOf(() => read({ DATABASE_URL }, ['--dev-mode']))).toEqual([fault])
    expect(read({ ...needed, DATABASE_URL, DATA_KEY: hex }).config.DATABASE_URL).toBe(DATABASE_URL)
    expect(read({ ...needed, DATABASE_URL, DATA_KEY_FILE: '/hex' }).warnings).toEqual([])
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

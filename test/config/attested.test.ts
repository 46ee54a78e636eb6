import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { attestedOf } from '../../src/config/attested.ts'
import type { Setting } from '../../src/settings/setting.ts'
import { rows } from '../../src/settings.ts'
import { hex, marked, needed, read } from '../kit/config.ts'

const attested = (env: Record<string, string> = {}, contents: Parameters<typeof attestedOf>[1] = {}) =>
  attestedOf(read({ ...needed, ...env }).config, contents)
const sha256 = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`

describe('what reports state of the settings', () => {
  test('is each that is meant for it, and no secret', () => {
    const meant = rows.filter(([, row]) => row.attested !== false)
    const own = ['tls', 'proxied']
    expect(Object.keys(attested()).sort()).toEqual([...meant.map(([key]): string => key), ...own].sort())
    expect(meant.filter(([, row]) => row.secret)).toEqual([])
    const { kind, what, why } = rows[0]![1]
    // @ts-expect-error: no row can say so.
    const leaking: Setting = { kind, what, why, secret: true, attested: true }
    // @ts-expect-error: and none can leave it open.
    const undecided: Setting = { kind, what, why }
    expect([leaking.secret, undecided.attested]).toEqual([true, undefined])
  })

  test('holds nothing of any secret, nor of where the state is', () => {
    const secrets = {
      DATA_KEY: hex,
      IDENTITY_HASH_KEY: hex,
      OPENAI_API_KEY: marked,
      DATABASE_URL: 'sqlite:/very/private',
    }
    const told = JSON.stringify(attested({ ...secrets, OPENAI_BASE_URL: 'https://cloud.example/v1' }))
    for (const secret of [marked, hex, 'private']) expect(told).not.toContain(secret)
    expect(told).toContain('https://cloud.example/v1')
  })

  test('has them as they hold, given or not', () => {
    expect(attested({ AUDIENCES: 'a, b', ALLOW_PLAINTEXT: 'true' })).toMatchObject({
      AUDIENCES: ['a', 'b'],
      ALLOW_PLAINTEXT: true,
      OPENAI_BASE_URL: null,
      TINFOIL_ATC_URL: 'https://atc.tinfoil.sh',
      AUTH_ADMIN_EMAILS: null,
    })
  })

  test.each([
    ['before the gateway', {}, 'off'],
    ['by a key in a file, which others may have', { TLS_CERT_FILE: 'c.pem', TLS_KEY_FILE: 'k.pem' }, 'files'],
    ["by the guest agent's", { TLS: 'dstack' }, 'dstack'],
  ])('says where TLS ends: %s', (_, env, tls) => {
    expect(attested(env)['tls']).toBe(tls)
  })

  test('says whether the database is reached by TLS, and not where it is', () => {
    const database = 'postgres://private@db.example/a'
    expect(attested({ DATA_KEY: hex, DATABASE_URL: database })['DATABASE_TLS']).toBe('verify-full')
    expect(attested()['DATABASE_TLS']).toBeNull()
    expect(JSON.stringify(attested({ DATA_KEY: hex, DATABASE_URL: database }))).not.toMatch(/private|db\.example/)
  })

  test('names who administers by a digest', () => {
    const told = attested({ AUTH_ADMIN_EMAILS: 'ada@example.com,bob@example.com', ADMIN_SCOPE: 'root' })
    expect(told).toMatchObject({
      AUTH_ADMIN_EMAILS: sha256('["ada@example.com","bob@example.com"]'),
      ADMIN_SCOPE: sha256('"root"'),
    })
  })

  test.each(['FRONTEND_DIR', 'CA_FILE'] as const)('tells of %s what is in it, and not where it is', key => {
    const digest = sha256('what is in it')
    expect(attested({ [key]: '/private/place' }, { [key]: digest })[key]).toBe(digest)
    expect(attested()[key]).toBeNull()
  })

  test('says whether a proxy is on the way out, and neither where it is nor what opens it', () => {
    const told = attested({ UPSTREAM_PROXY: `http://private:${marked}@proxy.internal:3128` })
    expect([told['proxied'], attested()['proxied']]).toEqual([true, false])
    expect(JSON.stringify(told)).not.toMatch(new RegExp(`private|internal|3128|${marked}`))
  })

  test('shows of the query of an address that it is another one, and not what it is', () => {
    const told = attested({ JWKS_URL: `https://id.example/keys?token=${marked}` })
    expect(told['JWKS_URL']).toBe(`https://id.example/keys?${sha256(`?token=${marked}`)}`)
  })
})

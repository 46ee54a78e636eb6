import { expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigFaults, readConfig } from '../src/config.ts'
import { defaultText, fileOf, flagOf, rows, settings } from '../src/settings.ts'

test('every row says once what it means to leave it out, and every default is understood', () => {
  for (const [, { kind, default: normal, dev, unset, requiredOr }] of rows) {
    expect([normal, unset, requiredOr].filter(text => text !== undefined)).toHaveLength(1)
    for (const text of [normal, dev]) if (text !== undefined) expect(kind.read(text)).toBeDefined()
  }
})

test('what may be given instead of a required setting exists', () => {
  const names = rows.flatMap(([key, { secret }]): string[] => (secret ? [key, fileOf(key)] : [key]))
  for (const [, { requiredOr }] of rows) for (const name of requiredOr ?? []) expect(names).toContain(name)
})

test('an older name is no setting, and no secret has one', () => {
  const older = rows.filter(([, row]) => row.older)
  expect(older.map(([key, row]) => [key, row.older, row.secret])).toEqual([
    ['PUBLIC_URL', 'REDIRECT_URI', undefined],
    ['DEV_MODE', 'DEV', undefined],
  ])
  for (const [, row] of older) expect(rows.map(([key]): string => key)).not.toContain(row.older ?? '')
})

test('no setting stands in two themes', async () => {
  const themes = readdirSync(join(import.meta.dir, '../src/settings')).filter(name => name !== 'setting.ts')
  const modules = await Promise.all(themes.map(name => import(`../src/settings/${name}`)))
  const tables = modules.flatMap(module => Object.values<object>(module).filter(value => !Array.isArray(value)))
  expect(tables.flatMap(table => Object.keys(table)).sort()).toEqual(rows.map(([key]): string => key).sort())
})

test('every row says in a sentence what it does, and in another who changes it and why', () => {
  for (const [, { what, why }] of rows) for (const text of [what, why]) expect(text).toMatch(/^[A-Z].{10,130}\.$/)
})

test('a flag is the name in kebab case', () => {
  expect(flagOf('RATE_LIMIT_RPM')).toBe('--rate-limit-rpm')
  expect(flagOf(fileOf('DATA_KEY'))).toBe('--data-key-file')
})

test('what holds by default is said in a few words', () => {
  const said = [settings.PORT, settings.HOST, settings.ISSUER, settings.JWKS_URL].map(row =>
    defaultText(row, text => `<${text}>`),
  )
  expect(said).toEqual([
    '<5381>',
    '<0.0.0.0> (dev mode: <127.0.0.1>)',
    'any issuer',
    'required outside dev mode (or <ISSUER>, <GOOGLE_CLIENT_ID>, <GITHUB_CLIENT_ID>, <OIDC_ISSUER>)',
  ])
})

test('a session that may last longer unused than at all is a fault, whichever of the two was given', () => {
  const only = ['SESSION_DAYS', 'SESSION_MAX_DAYS'] as const
  const read = (env: Record<string, string>) => {
    try {
      return readConfig({ env, argv: [], readFile: () => '', only }).config
    } catch (error) {
      if (error instanceof ConfigFaults) return error.faults
      throw error
    }
  }
  const fault = (idle: number, most: number) => [
    `SESSION_DAYS: ${idle} is more than SESSION_MAX_DAYS, ${most}: lower it, or raise SESSION_MAX_DAYS`,
  ]
  expect(read({ SESSION_DAYS: '91' })).toEqual(fault(91, 90))
  expect(read({ SESSION_MAX_DAYS: '29' })).toEqual(fault(30, 29))
  expect(read({ SESSION_DAYS: '90' })).toEqual({ SESSION_DAYS: 90, SESSION_MAX_DAYS: 90 })
})

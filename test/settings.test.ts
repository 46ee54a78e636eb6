import { expect, test } from 'bun:test'
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
  for (const [, { requiredOr }] of rows) if (requiredOr) expect(names).toContain(requiredOr)
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
    'required outside dev mode (or <ISSUER>)',
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

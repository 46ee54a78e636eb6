import { expect, test } from 'bun:test'
import { faultsOf, needed, read } from '../kit/config.ts'

const older = { ...needed, REDIRECT_URI: 'https://old.example/' }

test('a setting is taken under its older name too, and read alike', () => {
  expect(read(older).config.PUBLIC_URL).toBe('https://old.example')
  expect(faultsOf(() => read({ ...needed, REDIRECT_URI: 'old.example' }))).toEqual([
    'REDIRECT_URI: "old.example" is not an http or https URL without a user, a query or a fragment',
  ])
})

test('a setting under both of its names is a fault that names both, were they equal', () => {
  expect(faultsOf(() => read({ ...older, PUBLIC_URL: older.REDIRECT_URI }))).toEqual([
    'PUBLIC_URL and REDIRECT_URI are both given, the second an older name of the first: drop REDIRECT_URI',
  ])
  expect(read({ ...older, PUBLIC_URL: '' }).config.PUBLIC_URL).toBe('https://old.example')
})

test('a flag wins over the older name; that has no flag of its own', () => {
  expect(read(older, ['--public-url', 'https://new.example']).config.PUBLIC_URL).toBe('https://new.example')
  expect(faultsOf(() => read(needed, ['--redirect-uri=https://old.example']))).toEqual([
    '--redirect-uri is no flag of sealgate',
  ])
})

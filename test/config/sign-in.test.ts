import { expect, test } from 'bun:test'
import { signInOptions } from '../../src/config/sign-in.ts'
import { needed, read } from '../kit/config.ts'

const google = { GOOGLE_CLIENT_ID: 'id', GOOGLE_CLIENT_SECRET: 'secret', PUBLIC_URL: 'https://gate.example/a/' }
const optionsOf = (env: Record<string, string>) => signInOptions(read({ ...needed, ...env }).config)

test('a sign-in returns to the front end, and to its origin alone unless others are listed', () => {
  const env = { ...google, FRONTEND_URL: 'https://app.example/chat/' }
  const options = {
    publicUrl: 'https://gate.example/a',
    frontendUrl: 'https://app.example/chat',
    callbackOrigins: ['https://app.example'],
    sessionInRedirect: false,
  }
  expect(optionsOf(env)).toEqual(options)
  const listed = { FRONTEND_CALLBACK_ALLOWED_ORIGINS: 'https://app.example, http://localhost:3000' }
  expect(optionsOf({ ...env, ...listed, SESSION_IN_REDIRECT: 'true' })).toEqual({
    ...options,
    callbackOrigins: ['https://app.example', 'http://localhost:3000'],
    sessionInRedirect: true,
  })
})

test('a list of origins does without a front end', () => {
  const env = { ...google, FRONTEND_CALLBACK_ALLOWED_ORIGINS: 'https://app.example' }
  expect(optionsOf(env)).toMatchObject({ frontendUrl: undefined, callbackOrigins: ['https://app.example'] })
})

test('with a front end served here a sign-in returns to it, unless another is named or listed', () => {
  const here = { ...google, FRONTEND_DIR: 'dist' }
  const home = { frontendUrl: 'https://gate.example/a', callbackOrigins: ['https://gate.example'] }
  expect(optionsOf(here)).toMatchObject(home)
  const named = { FRONTEND_URL: 'https://app.example' }
  expect(optionsOf({ ...here, ...named })).toMatchObject({
    frontendUrl: 'https://app.example',
    callbackOrigins: ['https://app.example'],
  })
  const listed = (origins: string) => optionsOf({ ...here, FRONTEND_CALLBACK_ALLOWED_ORIGINS: origins })
  expect(listed('https://app.example')?.frontendUrl).toBeUndefined()
  expect(listed('https://app.example, https://gate.example')?.frontendUrl).toBe('https://gate.example/a')
})

test.each([
  ['GitHub', { GITHUB_CLIENT_ID: 'id', GITHUB_CLIENT_SECRET: 'secret' }],
  ['another', { OIDC_ISSUER: 'https://id.example', OIDC_CLIENT_ID: 'id', OIDC_CLIENT_SECRET: 'secret' }],
])('one provider is enough, as %s is; with none there is no sign-in', (_, provider) => {
  const places = { PUBLIC_URL: 'https://gate.example', FRONTEND_URL: 'https://app.example' }
  expect(optionsOf({ ...places, ...provider })).toBeDefined()
  expect(optionsOf(places)).toBeUndefined()
})

import { describe, expect, test } from 'bun:test'
import { REKEY_SETTINGS } from '../../src/cli/rekey.ts'
import { readConfig } from '../../src/config.ts'
import { dev, faultsOf, needed, read, readFile } from '../kit/config.ts'

const PROXIED = { ...needed, HTTPS_PROXY: 'http://proxy.example' }

describe('a variable that bends the program', () => {
  test('is one fault among the others, which says what may be used in its place', () => {
    const env = { ...PROXIED, BUN_INSPECT_NOTIFY: 'x', PORT: 'x' }
    expect(faultsOf(() => read(env))).toEqual([
      expect.stringContaining('PORT'),
      'BUN_INSPECT_NOTIFY is set, which lets a debugger in: unset it, or permit it by ALLOW_ENV',
      'HTTPS_PROXY is set, which is meant to send calls through a proxy: use UPSTREAM_PROXY in its place, or permit it by ALLOW_ENV',
    ])
  })

  test('shows nothing of what it holds', () => {
    const env = { ...needed, http_proxy: 'http://user:hunter2@proxy.example', BUN_JSC_x: 'hunter2' }
    const faults = faultsOf(() => read(env))
    expect(faults).toHaveLength(2)
    expect(faults.join()).not.toContain('hunter2')
  })

  test.each(['HTTPS_PROXY', 'BUN_JSC_useJIT'])('passes where ALLOW_ENV names it, alone of its kind: %s', name => {
    const env = { ...needed, [name]: 'x', ALLOW_ENV: `SSL_CERT_FILE, ${name}` }
    expect(read(env).config.ALLOW_ENV).toEqual(['SSL_CERT_FILE', name])
    expect(faultsOf(() => read({ ...env, HTTP_PROXY: 'x', BUN_JSC_useFTL: 'x' }))).toHaveLength(2)
  })

  test('is no fault where it is empty, in dev mode, or for a subcommand that holds no key', () => {
    expect(read({ ...needed, HTTPS_PROXY: '' }).warnings).toEqual([])
    expect(dev({ HTTPS_PROXY: 'x' }).warnings).toEqual([])
    expect(readConfig({ env: PROXIED, argv: [], readFile, only: ['HOST', 'PORT'] }).warnings).toEqual([])
  })

  test('is one for a rekey', () => {
    expect(faultsOf(() => readConfig({ env: PROXIED, argv: [], readFile, only: REKEY_SETTINGS }))).toHaveLength(1)
  })
})

test.each([{}, { ALLOW_ENV: '' }])('what every system sets is left alone', allow => {
  const usual = { NODE_ENV: 'production', BUN_INSTALL: '/b', NO_PROXY: '*', LD_BIND_NOW: '1', HOME: '/', TZ: 'UTC' }
  expect(read({ ...needed, ...usual, ...allow }).warnings).toEqual([])
})

test.each(['PATH', 'BUN_INSPEC', 'toString', 'BUN_INSTALL'])('ALLOW_ENV takes no %s, in dev mode neither', name => {
  const fault = `ALLOW_ENV: "${name}" is no variable that stops a start: drop it`
  expect(faultsOf(() => read({ ...needed, ALLOW_ENV: name }))).toEqual([fault])
  expect(faultsOf(() => dev({ ALLOW_ENV: name }))).toEqual([fault])
})

test("flags of Bun's are a fault, unless the variable that gives them is permitted", () => {
  const given = (env: Record<string, string>) =>
    readConfig({ env: { ...needed, ...env }, argv: [], readFile, execArgv: ['--preload', 'x'] })
  expect(faultsOf(() => given({}))).toEqual([expect.stringContaining('start it without BUN_OPTIONS')])
  expect(faultsOf(() => given({ BUN_OPTIONS: '--preload x' }))).toEqual([expect.stringMatching(/^BUN_OPTIONS is set/)])
  expect(given({ BUN_OPTIONS: '--preload x', ALLOW_ENV: 'BUN_OPTIONS' }).warnings).toEqual([])
})

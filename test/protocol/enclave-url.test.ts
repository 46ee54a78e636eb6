import { describe, expect, test } from 'bun:test'
import { enclaveHost, hostMatcher, isHostPattern } from '../../src/protocol/enclave-url.ts'

const DEFAULTS = ['inference.tinfoil.sh', '*.inference.tinfoil.sh', 'router-*.tinfoil.dev', 'router.inf*.tinfoil.sh']
const allowed = hostMatcher(DEFAULTS)

describe('the URL of an enclave', () => {
  test.each([
    ['https://inference.tinfoil.sh', 'inference.tinfoil.sh'],
    ['https://inference.tinfoil.sh/', 'inference.tinfoil.sh'],
    ['HTTPS://Inference.Tinfoil.SH:443', 'inference.tinfoil.sh'],
    ['https://router-2.tinfoil.dev', 'router-2.tinfoil.dev'],
  ])('%s names its host', (url, host) => {
    expect(enclaveHost(url)).toBe(host)
  })

  test.each([
    '',
    'inference.tinfoil.sh',
    '//inference.tinfoil.sh',
    'http://inference.tinfoil.sh',
    'ftp://inference.tinfoil.sh',
    'https:inference.tinfoil.sh',
    'https:/inference.tinfoil.sh',
    'https:///inference.tinfoil.sh',
    'https:\\\\inference.tinfoil.sh',
    ' https://inference.tinfoil.sh',
    'https://inference.tinfoil.sh ',
    'https://inference.tinfoil.sh\t',
    'https://inference.tinfoil.sh\n',
    'https://inference.tinfoil.sh//',
    'https://inference.tinfoil.sh/.',
    'https://inference.tinfoil.sh/v1',
    'https://inference.tinfoil.sh?',
    'https://inference.tinfoil.sh?x=1',
    'https://inference.tinfoil.sh#',
    'https://inference.tinfoil.sh#x',
    'https://inference.tinfoil.sh:80',
    'https://inference.tinfoil.sh:4433',
    'https://inference.tinfoil.sh:0443',
    'https://inference.tinfoil.sh:',
    'https://inference.tinfoil.sh.',
    'https://inference.tinfoil.sh.:443',
    'https://@inference.tinfoil.sh',
    'https://user@inference.tinfoil.sh',
    'https://user:word@inference.tinfoil.sh',
    'https://inference.tinfoil.sh@evil.example',
    'https://inference.tinfoil.sh%2eevil.example',
    'https://inference%2etinfoil.sh',
    'https://inference。tinfoil。sh',
    'https://ınference.tinfoil.sh',
    'https://іnference.tinfoil.sh',
    'https://inference.tinfoil.sh\\.evil.example',
    'https://inference_.tinfoil.sh',
    'https://.inference.tinfoil.sh',
    'https://inference..tinfoil.sh',
    'https://localhost',
    'https://[::1]',
    'https://[::ffff:127.0.0.1]',
    'https://2130706433',
    'https://inference.tinfoil.sh, https://inference.tinfoil.sh',
  ])('%j is none', url => {
    expect(enclaveHost(url)).toBeUndefined()
  })
})

describe('the default patterns', () => {
  test.each([
    'inference.tinfoil.sh',
    'gpt-oss-120b.inference.tinfoil.sh',
    'router-1.tinfoil.dev',
    'router-20.tinfoil.dev',
    'router.inf9.tinfoil.sh',
  ])('let our key go to %s', host => {
    expect(allowed(host)).toBe(true)
  })

  test.each([
    'tinfoil.sh',
    'evil-inference.tinfoil.sh',
    'evilinference.tinfoil.sh',
    'a.b.inference.tinfoil.sh',
    'inference.tinfoil.sh.evil.example',
    'inference.tinfoil.dev',
    'inference-tinfoil.sh',
    'router-1.evil.tinfoil.dev',
    'router-1.tinfoil.dev.evil.example',
    'router-1.x.tinfoil.dev',
    'router.inf9.evil.tinfoil.sh',
    'router.tinfoil.sh',
    'app.org.containers.tinfoil.sh',
    'app.org.containers.tinfoil.dev',
    'inference.org.containers.tinfoil.sh',
    'router-1.org.containers.tinfoil.dev',
    'router.inf.containers.tinfoil.sh',
    'evil.example',
    '127.0.0.1',
    '169.254.169.254',
  ])('keep it from %s', host => {
    expect(allowed(host)).toBe(false)
  })
})

test('a pattern is a host name in which "*" may stand left of the last two labels', () => {
  for (const pattern of [...DEFAULTS, 'example.org', 'a*b.c.example.org']) expect(isHostPattern(pattern)).toBe(true)
  for (const text of [
    '',
    '*',
    '*.*',
    '*.sh',
    'a.*.sh',
    'a.b.*',
    'x',
    'a..b.c',
    '.a.b',
    'a.b.',
    'https://a.b',
    'a.b:443',
    'a b.c',
  ])
    expect(isHostPattern(text)).toBe(false)
})

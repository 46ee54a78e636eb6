import { expect, test } from 'bun:test'
import { environment } from '../../release/environment.ts'

test('settings may be set at a start, secrets also as files, by older names too', () => {
  expect(environment).toContain('ACTIVITY_DAYS')
  expect(environment).toContain('DATA_KEY')
  expect(environment).toContain('DATA_KEY_FILE')
  expect(environment).toContain('DEV')
  expect(environment).not.toContain('PORT_FILE')
  expect([...new Set(environment)].sort()).toEqual([...environment])
})

test('nothing that steers the runtime may be, nor what permits it', () => {
  const steering = /^(BUN|NODE|LD|SSL|GLIBC|MALLOC|JSC)_|^(HTTPS?|ALL|NO)_PROXY$|^ALLOW_ENV$/i
  for (const name of ['BUN_OPTIONS', 'https_proxy', 'ALLOW_ENV']) expect(name).toMatch(steering)
  expect(environment.filter(name => steering.test(name))).toEqual([])
})

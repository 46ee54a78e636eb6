import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { envExample, settingsTable, withSettingsTable } from '../../src/cli/reference.ts'
import { rows } from '../../src/settings.ts'

const root = join(import.meta.dir, '../..')
const readme = join(root, 'README.md')

test('.env.example is made from the table of settings', () => {
  expect(readFileSync(join(root, '.env.example'), 'utf8')).toBe(envExample())
})

test.skipIf(!existsSync(readme))('the settings in README.md are made from the table of settings', () => {
  const text = readFileSync(readme, 'utf8')
  expect(withSettingsTable(text)).toBe(text)
  expect(text).toContain(settingsTable())
})

test('.env.example sets nothing until it is edited', () => {
  for (const line of envExample().split('\n')) expect(line).toMatch(/^(#.*)?$/)
  for (const [key] of rows) expect(envExample()).toContain(`\n#${key}=`)
})

test('the table has one line of four cells for every setting', () => {
  const lines = settingsTable().split('\n')
  expect(lines).toHaveLength(rows.length + 2)
  for (const line of lines) expect(line.split(/(?<!\\)\|/)).toHaveLength(6)
})

test('an older name is told with its setting', () => {
  expect(settingsTable()).toContain('| `PUBLIC_URL` (older: `REDIRECT_URI`, as a variable only) |')
  expect(envExample()).toMatch(/# Its older name, as a variable only: REDIRECT_URI\n# Default: .*\n#PUBLIC_URL=\n/)
})

test('the table replaces what stands between the markers, and nothing else', () => {
  const [before, after] = ['# a\n<!-- settings:start -->', '<!-- settings:end -->\nb\n']
  const once = withSettingsTable(`${before}old${after}`)
  expect(once).toBe(`${before}\n\n${settingsTable()}\n\n${after}`)
  expect(withSettingsTable(once ?? '')).toBe(once)
})

test.each(['', '<!-- settings:start -->', '<!-- settings:end --><!-- settings:start -->'])(
  'a text without both markers in order is not changed: %j',
  text => expect(withSettingsTable(text)).toBeUndefined(),
)

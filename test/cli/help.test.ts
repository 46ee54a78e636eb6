import { expect, test } from 'bun:test'
import { subcommands } from '../../src/arguments.ts'
import { helpText } from '../../src/cli/help.ts'
import { flagOf, rows } from '../../src/settings.ts'

const help = helpText('1.2.3')

test('the help names the version and every subcommand', () => {
  expect(help).toStartWith('sealgate 1.2.3:')
  for (const [name, what] of Object.entries(subcommands)) expect(help).toMatch(new RegExp(`sealgate ${name} .*${what}`))
})

test('the help fits into 100 columns and leaves no blank at the end of a line', () => {
  for (const line of help.split('\n')) expect(line).toMatch(/^(.{0,99}\S)?$/)
})

test('the help has one table, in which every setting stands once with all that it does', () => {
  const blocks = help.split(/\n(?=[ *] --)/).slice(1)
  expect(blocks).toHaveLength(rows.length)
  for (const [at, [key, setting]] of rows.entries()) {
    const lines = (blocks[at] ?? '').split('\n')
    const column = (from: number, to?: number) =>
      lines
        .map(line => line.slice(from, to).trim())
        .join(' ')
        .trim()
    expect(column(2, 29)).toBe(flagOf(key))
    expect(column(58)).toBe(setting.what.replaceAll('`', ''))
    if (setting.default) expect(column(29, 58)).toStartWith(setting.default)
    expect(column(0, 2) === '*').toBe(setting.secret === true)
  }
})

import { expect, test } from 'bun:test'
import { helpText } from '../../src/cli/help.ts'
import { flagOf, rows } from '../../src/settings.ts'
import { declared, type Subcommand, subcommands } from '../../src/subcommands.ts'

const help = helpText('1.2.3')

const spaced = help.replaceAll(/\s+/g, ' ')

test('the help names the version, and every subcommand with what it takes', () => {
  expect(help).toStartWith('sealgate 1.2.3:')
  for (const name of Object.keys(subcommands) as Subcommand[]) {
    const { what, operands = [], flags = {} } = declared(name)
    // Nobody calls a worker.
    if (what === undefined) continue
    expect(spaced).toContain(`sealgate ${[name, ...operands].join(' ')} [flags] ${what}`)
    for (const [flag, { value, what }] of Object.entries(flags))
      expect(spaced).toContain(` --${value ? `${flag} ${value}` : flag} ${what}`)
  }
})

test('the help fits into 100 columns and leaves no blank at the end of a line', () => {
  for (const line of help.split('\n')) expect(line).toMatch(/^(.{0,99}\S)?$/)
})

test('the help has one table, in which every setting stands once with all that it does', () => {
  const blocks = (help.split('  flag of ')[0] ?? '').split(/\n(?=[ *] --)/).slice(1)
  expect(blocks).toHaveLength(rows.length)
  for (const [at, [key, setting]] of rows.entries()) {
    const [flag = '', ...below] = (blocks[at] ?? '').split('\n')
    // A flag that is wider than its column stands on a line of its own.
    const lines = flagOf(key).length > 25 ? below : [flag, ...below]
    const column = (from: number, to?: number) =>
      lines
        .map(line => line.slice(from, to).trim())
        .join(' ')
        .trim()
    expect(flag.slice(2).split(' ')[0]).toBe(flagOf(key))
    const older = setting.older ? ` Its older name, as a variable only: ${setting.older}.` : ''
    expect(column(58)).toBe(setting.what.replaceAll('`', '') + older)
    if (setting.default) expect(column(29, 58)).toStartWith(setting.default)
    expect(flag.startsWith('*')).toBe(setting.secret === true)
  }
})

import { defaultText, flagOf, rows } from '../settings.ts'
import { declared, type Subcommand, subcommands } from '../subcommands.ts'

const names = (Object.keys(subcommands) as readonly Subcommand[]).filter(name => declared(name).what !== undefined)

/** What `--help` prints: how the program is called, and every setting, within 100 columns. */
export function helpText(version: string): string {
  return `sealgate ${version}: a private-inference gateway

${table(
  [
    ['  sealgate [flags]', 'serve'],
    ...names.map(name => [
      `  sealgate ${[name, ...(declared(name).operands ?? [])].join(' ')} [flags]`,
      declared(name).what ?? '',
    ]),
    ['  sealgate --help | --version', 'print this, or the version'],
  ],
  [30, 68],
)}

Every flag is also a variable of the environment: --log-level is LOG_LEVEL. A flag wins.
A secret (*) can be kept in a file, named by --data-key-file or DATA_KEY_FILE for --data-key.
Given as a flag, a secret is shown to whoever lists processes.

${table(
  [
    ['  flag', 'default', 'what it does'],
    ...rows.map(([key, setting]) => [
      `${setting.secret ? '*' : ' '} ${flagOf(key)}`,
      defaultText(setting),
      `${setting.what}${setting.older ? ` Its older name, as a variable only: ${setting.older}.` : ''}`.replaceAll(
        '`',
        '',
      ),
    ]),
  ],
  [27, 28, 41],
)}
${names.map(ownFlags).join('')}`
}

/** A subcommand with flags of its own takes no others. */
function ownFlags(name: Subcommand): string {
  const { flags } = declared(name)
  if (!flags) return ''
  const lines = Object.entries(flags).map(([flag, { value, what }]) => [`  --${[flag, value].join(' ').trim()}`, what])
  return `\n${table([[`  flag of ${name}`, 'what it does'], ...lines], [29, 69])}\n`
}

/**
 * Lays rows out in columns of the given widths, two blanks apart; a cell that is too wide goes on below itself, and a first
 * one that cannot be broken stands on a line of its own.
 */
function table(lines: readonly (readonly string[])[], widths: readonly number[]): string {
  return lines
    .flatMap(cells => {
      const [first = '', ...rest] = cells
      const fits = first.length <= (widths[0] ?? 0)
      return fits ? laidOut(cells, widths) : [first, ...laidOut(['', ...rest], widths)]
    })
    .join('\n')
}

function laidOut(cells: readonly string[], widths: readonly number[]): string[] {
  const columns = widths.map((width, at) => wrap(cells[at] ?? '', width))
  const height = Math.max(...columns.map(column => column.length))
  return Array.from({ length: height }, (_, line) =>
    columns
      .map((column, at) => (column[line] ?? '').padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** Breaks a text at single blanks into lines of at most `width`; its indent stays. */
function wrap(text: string, width: number): string[] {
  return [...text.matchAll(new RegExp(`.{1,${width}}(?!\\S) ?`, 'g'))].map(([line]) => line.trimEnd())
}

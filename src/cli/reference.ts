import { defaultText, fileOf, rows } from '../settings.ts'

/** The contents of `.env.example`: every setting, commented out, with what it is for. */
export function envExample(): string {
  const entries = rows.map(([key, setting]) => {
    const also = setting.secret ? [`A secret: ${fileOf(key)} may name a file that holds it instead.`] : []
    const older = setting.older ? [`Its older name, as a variable only: ${setting.older}`] : []
    const notes = [setting.what, setting.why, ...also, ...older, `Default: ${defaultText(setting)}`]
    return [...notes.map(note => `# ${note}`), `#${key}=${setting.default ?? ''}`].join('\n')
  })
  const heading = [
    '# The settings of sealgate, made from src/settings/ by `bun run fmt`.',
    '# Only `bun run dev` reads a .env file: the program itself knows its environment and its flags.',
  ]
  return `${[heading.join('\n'), ...entries].join('\n\n')}\n`
}

/** The settings as a table in GitHub's Markdown. */
export function settingsTable(): string {
  const lines = rows.map(([key, setting]) => {
    const older = setting.older ? ` (older: ${code(setting.older)}, as a variable only)` : ''
    return [
      `${code(key)}${setting.secret ? ' (secret)' : older}`,
      defaultText(setting, code),
      setting.what,
      setting.why,
    ]
  })
  const heading = ['Setting', 'Default', 'What it does', 'Who changes it, and why']
  return [heading, heading.map(() => '---'), ...lines]
    .map(cells => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n')
}

const code = (text: string): string => `\`${text}\``

/** A README with the table of today between its two `settings` markers, or `undefined` when it has no markers. */
export function withSettingsTable(readme: string): string | undefined {
  const [start, end] = ['<!-- settings:start -->', '<!-- settings:end -->']
  const from = readme.indexOf(start)
  const to = readme.indexOf(end, from)
  if (from < 0 || to < 0) return undefined
  return `${readme.slice(0, from)}${start}\n\n${settingsTable()}\n\n${readme.slice(to)}`
}

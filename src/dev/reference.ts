import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { envExample, withSettingsTable } from '../cli/reference.ts'

// Run by `bun run fmt` from the root of the repository.
writeFileSync('.env.example', envExample())

const readme = existsSync('README.md') ? withSettingsTable(readFileSync('README.md', 'utf8')) : undefined
if (readme === undefined) console.log('README.md has no settings markers: its table of settings was not written')
else writeFileSync('README.md', readme)

import { quoted } from '../protocol/kinds.ts'
import type { Config } from '../settings.ts'
import type { Reading } from './reading.ts'

/** A variable that is no setting, and by which whoever sets the environment could bend the program. */
interface Surrounding {
  /** What it does, to follow "which". */
  readonly does: string
  /** Whether it has done so before the first line of ours runs: what it brought in can hide it from us. */
  readonly actsBeforeUs: boolean
  /** What may be used in its place. */
  readonly instead?: string
}

const before = (does: string): Surrounding => ({ does, actsBeforeUs: true })
const seen = (does: string): Surrounding => ({ does, actsBeforeUs: false })
const roots: Surrounding = {
  ...seen('adds to the authorities whose certificates are believed'),
  instead: 'CA_FILE',
}
const proxy: Surrounding = { ...seen('is meant to send calls through a proxy'), instead: 'UPSTREAM_PROXY' }
const loads = before('has code of others loaded into the process')

/** By name, or by what names begin with before a `*`. Measured with Bun 1.4.5, which ignores NODE_OPTIONS so far. */
export const surroundings: Readonly<Record<string, Surrounding>> = {
  // Never seen here, but for a value that Bun takes for no: the executable is Bun then, and none of this.
  BUN_BE_BUN: before('turns the executable into Bun'),
  BUN_OPTIONS: before('gives Bun flags, as to run a file first'),
  'BUN_INSPECT*': before('lets a debugger in'),
  'BUN_JSC_*': before('changes the engine, or has it print what it runs'),
  BUN_CONFIG_VERBOSE_FETCH: seen('prints the keys that calls carry'),
  NODE_OPTIONS: before('is meant to give flags, as to run a file first'),
  NODE_DEBUG: seen('may print what calls carry'),
  NODE_TLS_REJECT_UNAUTHORIZED: seen('is meant to let any certificate pass'),
  NODE_EXTRA_CA_CERTS: roots,
  NODE_USE_SYSTEM_CA: roots,
  SSL_CERT_FILE: roots,
  SSL_CERT_DIR: roots,
  HTTP_PROXY: proxy,
  HTTPS_PROXY: proxy,
  ALL_PROXY: proxy,
  http_proxy: proxy,
  https_proxy: proxy,
  all_proxy: proxy,
  LD_PRELOAD: loads,
  LD_AUDIT: loads,
  LD_LIBRARY_PATH: loads,
  GLIBC_TUNABLES: before('changes the C library, as to make stacks executable'),
}

/** What the table has of a name, if anything. */
function surroundingOf(name: string): Surrounding | undefined {
  const isOf = (key: string) => (key.endsWith('*') ? name.startsWith(key.slice(0, -1)) : name === key)
  return Object.entries(surroundings).find(([key]) => isOf(key))?.[1]
}

/** Outside dev mode nothing may be around that bends the program, but for what `ALLOW_ENV` names. */
export function judgeSurroundings({ ALLOW_ENV: allowed = [] }: Partial<Config>, reading: Reading): void {
  // A subcommand that holds no keys does not read it.
  if (!reading.keys.has('ALLOW_ENV')) return
  const { env, dev, faults, execArgv } = reading
  for (const name of allowed)
    if (!surroundingOf(name)) faults.push(`ALLOW_ENV: ${quoted(name)} is no variable that stops a start: drop it`)
  if (dev) return
  for (const name of Object.keys(env).sort()) {
    const surrounding = env[name] && !allowed.includes(name) ? surroundingOf(name) : undefined
    if (surrounding) faults.push(`${name} is set, which ${surrounding.does}: ${wayOut(surrounding)}`)
  }
  // They come from BUN_OPTIONS, which what they ran first may have taken away.
  if (execArgv.length > 0 && !env['BUN_OPTIONS'])
    faults.push('Flags of Bun were given to the executable, which takes none: start it without BUN_OPTIONS')
}

function wayOut({ instead }: Surrounding): string {
  return `${instead ? `use ${instead} in its place` : 'unset it'}, or permit it by ALLOW_ENV`
}

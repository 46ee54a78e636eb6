import { quoted } from '../protocol/kinds.ts'
import type { Config } from '../settings.ts'
import type { Reading } from './reading.ts'

/** A variable that is no setting, and by which whoever sets the environment could bend the program. */
interface Surrounding {
  /** What it does, to follow "which". */
  readonly does: string
  /** What may be used in its place. */
  readonly instead?: string
}

const roots = { does: 'adds to the authorities whose certificates are believed', instead: 'CA_FILE' }
const proxy = { does: 'is meant to send calls through a proxy', instead: 'UPSTREAM_PROXY' }
const loads = { does: 'has code of others loaded into the process' }
const report = { does: 'has a crash run whatever `curl` is in PATH' }

/** By name, or by what names begin with before a `*`. Measured with Bun 1.4.5, which ignores NODE_OPTIONS so far. */
export const surroundings: Readonly<Record<string, Surrounding>> = {
  // Never seen here, but for a value that Bun takes for no: the executable is Bun then, and none of this.
  BUN_BE_BUN: { does: 'turns the executable into Bun' },
  BUN_OPTIONS: { does: 'gives Bun flags, as to run a file first' },
  'BUN_INSPECT*': { does: 'lets a debugger in' },
  'BUN_JSC_*': { does: 'changes the engine, or has it print what it runs' },
  BUN_CONFIG_VERBOSE_FETCH: { does: 'prints the keys that calls carry' },
  BUN_CRASH_REPORT_URL: report,
  BUN_ENABLE_CRASH_REPORTING: report,
  'BUN_BYTECODE_*': { does: 'writes over the file that it names, which may be the database' },
  'BUN_FEATURE_FLAG_*': { does: 'changes parts of Bun, ways to make calls among them' },
  NODE_OPTIONS: { does: 'is meant to give flags, as to run a file first' },
  NODE_DEBUG: { does: 'may print what calls carry' },
  NODE_TLS_REJECT_UNAUTHORIZED: { does: 'is meant to let any certificate pass' },
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
  GLIBC_TUNABLES: { does: 'changes the C library, as to make stacks executable' },
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

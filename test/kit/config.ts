import { ConfigFaults, readConfig } from '../../src/config.ts'

/** What no fault and no warning may show. */
export const marked = 'tk_marked_do_not_show_1'
/** 32 bytes in hex. */
export const hex = '5ea1'.repeat(16)
/** What has to be given outside dev mode, and what spares the warnings. */
export const needed = { TINFOIL_API_KEY: marked, JWKS_URL: 'https://id.example/keys', ISSUER: 'https://id.example' }

const files: Readonly<Record<string, string>> = {
  '/key': `${marked}\n`,
  '/crlf': `${marked}\r\n`,
  '/two-newlines': `${marked}\n\n`,
  '/empty': '\n',
  '/hex': hex,
  '/proxy': 'http://ada:secret@proxy.example:3128/\n',
}

/** Reads one of the files that these tests name. */
export function readFile(path: string): string {
  const text = files[path]
  if (text === undefined) throw Object.assign(new Error(`ENOENT: open '${path}'`), { code: 'ENOENT' })
  return text
}

type Env = Record<string, string | undefined>

/** Reads a configuration. */
export const read = (env: Env, argv: string[] = [], file = readFile) => readConfig({ env, argv, readFile: file })

/** Reads a configuration in dev mode. */
export const dev = (env: Env, argv: string[] = []) => read(env, ['--dev-mode', ...argv])

/** The faults that a reading ends in; a reading without one is a fault itself. */
export function faultsOf(run: () => unknown): readonly string[] {
  try {
    run()
  } catch (error) {
    if (error instanceof ConfigFaults) return error.faults
    throw error
  }
  throw new Error('no fault was found')
}

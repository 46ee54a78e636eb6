import { digestOf } from '../executable.ts'
import { faultOf } from '../protocol/log.ts'
import { COMMIT, VERSION } from '../version.ts'

interface Asked {
  /** The program's own file; absent where it runs from its source. */
  readonly file: string | undefined
  readonly json: boolean
  readonly say: (line: string) => void
}

/** What `sealgate version` prints: what this program is, to be held against a release. */
export async function version({ file, json, say }: Asked): Promise<string> {
  const unread = (path: string, error: unknown) => {
    say(`version: ${path} cannot be read (${faultOf(error)}): its SHA-256 is not told`)
    return undefined
  }
  const executable = file && (await digestOf(file)().catch(error => unread(file, error)))
  const told = {
    version: VERSION,
    commit: COMMIT,
    ...(executable && { executable_sha256: executable }),
    bun: { version: Bun.version, revision: Bun.revision },
    platform: `${process.platform}-${process.arch}`,
  }
  if (json) return `${JSON.stringify(told, null, 2)}\n`
  const lines = [
    `sealgate ${VERSION}`,
    `commit      ${COMMIT}`,
    `executable  ${executable ? `sha256:${executable}` : file ? 'unread' : 'none: this runs from its source'}`,
    `runtime     Bun ${Bun.version} (${Bun.revision}), ${told.platform}`,
  ]
  return `${lines.join('\n')}\n`
}

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/** Where this program's own file is, if it is compiled: one that runs from its source has none. */
export const EXECUTABLE: string | undefined = Bun.isStandaloneExecutable ? ownFile() : undefined

// SHA-256 of so much is a tenth of a millisecond, and others have their turn after it.
const CHUNK_BYTES = 131_072

/**
 * The SHA-256 of a file, in hex: read when it is first asked for, and once. Whoever waits is told why it cannot be read,
 * and the next one who asks has it tried again.
 */
export function digestOf(path: string): () => Promise<string> {
  let digest: Promise<string> | undefined
  return () => {
    digest ??= read(path).catch(error => {
      digest = undefined
      throw error
    })
    return digest
  }
}

async function read(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) hash.update(chunk)
  return hash.digest('hex')
}

/** On Linux what was started, also where another file lies in its place by now. */
function ownFile(): string {
  return process.platform === 'linux' ? '/proc/self/exe' : process.execPath
}

import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { pairOf, TlsFault } from './pair.ts'
import type { Source } from './source.ts'

interface Paths {
  /** TLS_CERT_FILE */
  readonly cert: string
  /** TLS_KEY_FILE */
  readonly key: string
}

const NAMES = { key: 'TLS_KEY_FILE', chain: 'TLS_CERT_FILE' }

/** A certificate and a key in two files. Another pair is there when either is another file, or was written. */
export function pairInFiles({ cert, key }: Paths, now: () => number): Source {
  const stamp = () => `${stampOf(cert)} ${stampOf(key)}`
  return {
    // The stamp is from before the files are read: what is written meanwhile is read the next time.
    load: async () => {
      const before = stamp()
      const [chain, secret] = await Promise.all([textOf(cert, NAMES.chain), textOf(key, NAMES.key)])
      return { ...pairOf({ chain, key: secret }, NAMES, now()), stamp: before }
    },
    // One that has expired is, too: that nobody replaced it is a fault to be told.
    isDue: inForce => stamp() !== inForce.stamp || now() >= inForce.to,
    stamp,
  }
}

/** Through links: Kubernetes puts a new directory behind one. */
function stampOf(path: string): string {
  try {
    const { ino, mtimeMs, ctimeMs, size } = statSync(path)
    return `${ino}-${mtimeMs}-${ctimeMs}-${size}`
  } catch {
    return 'absent'
  }
}

/** Neither the path nor the error's message is shown: some put the secret itself where its file's name belongs. */
async function textOf(path: string, name: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? ` (${cause.code})` : ''
    const way = 'name one that the gateway may read'
    throw new TlsFault('unreadable', `${name} names a file that cannot be read${code}: ${way}.`, { cause })
  }
}

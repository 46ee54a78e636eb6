import { randomBytes, randomUUID } from 'node:crypto'
import { chmodSync, linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { KeyFault } from './keys.ts'

/**
 * The root secret kept beside a SQLite database: 32 bytes as hex, readable by its owner alone. Made when there is no
 * database yet; missing beside an old one it is a fault, for a new key would fit nothing in it.
 * @throws KeyFault when it is missing, unreadable or malformed.
 */
export function readOrMakeKeyFile(path: string, { make }: { make: boolean }): Uint8Array {
  return readKeyFile(path) ?? (make ? makeKeyFile(path) : missing(path))
}

/**
 * The root secret in a key file, `undefined` where there is no file.
 * @throws KeyFault when it is unreadable or malformed.
 */
export function readKeyFile(path: string): Uint8Array | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
    shut(path)
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) return undefined
    throw new KeyFault(
      `The key file ${path} cannot be read, or kept from others: check its owner and mode, or set DATA_KEY.`,
      {
        cause,
      },
    )
  }
  if (!/^[0-9a-f]{64}$/i.test(text))
    throw new KeyFault(`The key file ${path} does not hold 64 hex digits: restore it from a copy, or set DATA_KEY.`)
  return Buffer.from(text, 'hex')
}

/** Gives a key file that is no longer in force the name `<path>.old-<tag>`, and tells it. */
export function setKeyFileAside(path: string, tag: string): string {
  // The tag tells its key from others: what stands there already is the same key.
  const aside = `${path}.old-${tag}`
  try {
    renameSync(path, aside)
  } catch (cause) {
    throw unwritable(path, cause)
  }
  return aside
}

/** Takes from others what a copy or a restore may have given them. */
function shut(path: string): void {
  if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600)
}

/** Written apart and linked into place: of two starting processes one wins, and nobody reads half a key. */
function makeKeyFile(path: string): Uint8Array {
  const draft = `${path}.${randomUUID()}`
  try {
    writeFileSync(draft, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' })
    linkSync(draft, path)
  } catch (cause) {
    if (!isCode(cause, 'EEXIST')) throw unwritable(path, cause)
  } finally {
    rmSync(draft, { force: true })
  }
  return readKeyFile(path) ?? missing(path)
}

function unwritable(path: string, cause: unknown): KeyFault {
  const way = isCode(cause, 'ENOSPC') ? 'the disk is full, make room' : 'make its directory writable'
  return new KeyFault(`The key file ${path} cannot be written: ${way}, or set DATA_KEY.`, { cause })
}

function missing(path: string): never {
  throw new KeyFault(
    `The key file ${path} is missing, and the database beside it is not new: restore it, or set DATA_KEY; one written with the key of a TEE opens there alone.`,
  )
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

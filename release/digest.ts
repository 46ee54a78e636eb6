import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** A file and what it is known by. */
export interface Measured {
  readonly name: string
  readonly sha256: string
}

/** The SHA-256 of a file, in hex. */
export async function digest(path: string): Promise<string> {
  const hash = new Bun.CryptoHasher('sha256')
  for await (const chunk of Bun.file(path).stream()) hash.update(chunk)
  return hash.digest('hex')
}

/** The SHA-256 of bytes, in hex. */
export const sha256 = (bytes: Uint8Array): string => new Bun.CryptoHasher('sha256').update(bytes).digest('hex')

/** Every file of a directory, by name. */
export function measured(directory: string): Promise<Measured[]> {
  const names = readdirSync(directory).sort()
  return Promise.all(names.map(async name => ({ name, sha256: await digest(join(directory, name)) })))
}

/** What `sha256sum -c` reads. */
export const sums = (files: readonly Measured[]): string =>
  files.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join('')

/** What is written of an object: the same bytes for the same object. */
export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

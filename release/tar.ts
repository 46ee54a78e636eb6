/** A file of an archive, or a directory where it has no bytes. */
export interface Entry {
  /** From the root, without a slash at either end; 100 bytes at most. */
  readonly name: string
  readonly bytes?: Uint8Array
  readonly mode: number
  /** User and group; 0 unless said. */
  readonly owner?: number
}

const BLOCK = 512
const NAME_BYTES = 100

/**
 * A tar archive (POSIX ustar), sorted by name; `mtime` is in seconds. Its bytes follow from these arguments alone.
 * @throws Error for a name that is too long.
 */
export function tar(entries: readonly Entry[], mtime: number): Buffer {
  // Bun.Archive writes the time of the day, and a library's next version may write other bytes.
  const parts = entries
    .map(entry => ({ ...entry, name: entry.bytes ? entry.name : `${entry.name}/` }))
    .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
    .flatMap(({ bytes = new Uint8Array(), ...entry }) => [
      header(entry, bytes.length, mtime),
      bytes,
      Buffer.alloc(-bytes.length & (BLOCK - 1)),
    ])
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)])
}

function header({ name, mode, owner = 0 }: Omit<Entry, 'bytes'>, size: number, mtime: number): Buffer {
  if (Buffer.byteLength(name) > NAME_BYTES) throw new Error(`${name} is too long a name for this archive`)
  const block = Buffer.alloc(BLOCK)
  const octal = (value: number, at: number, digits: number) => block.write(value.toString(8).padStart(digits, '0'), at)
  block.write(name, 0)
  octal(mode, 100, 7)
  octal(owner, 108, 7)
  octal(owner, 116, 7)
  octal(size, 124, 11)
  octal(mtime, 136, 11)
  // The sum is taken with blanks in its own place.
  block.write(' '.repeat(8), 148)
  block.write(name.endsWith('/') ? '5' : '0', 156)
  block.write('ustar\x0000', 257)
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  )
  return block.fill(0, 154, 155)
}

/** The SHA-256 of a file, in hex. */
export async function digest(path: string): Promise<string> {
  const hash = new Bun.CryptoHasher('sha256')
  for await (const chunk of Bun.file(path).stream()) hash.update(chunk)
  return hash.digest('hex')
}

/** What is written of an object: the same bytes for the same object. */
export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

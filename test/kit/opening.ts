import { openStore } from '../../src/store/open.ts'

export interface Given {
  dataKey?: Uint8Array
  agentKey?: Uint8Array
  identityKey?: Uint8Array
}

export const key = (byte: number) => new Uint8Array(32).fill(byte)
export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** Opens a database by its URL as the gateway does. */
export const open = (url: string, { dataKey, agentKey, identityKey }: Given = {}) =>
  openStore({ url, dataKey, agentKey, identityKey })

/** Opens and closes; gives the identity key in hex. */
export async function identityOf(url: string, given: Given = {}): Promise<string> {
  const { store, keys } = await open(url, given)
  await store.close()
  return hex(keys.identity)
}

/** What an act fails with. */
export async function faultOf(act: Promise<unknown>): Promise<Error> {
  const fault = await act.then(
    () => undefined,
    error => error,
  )
  if (!(fault instanceof Error)) throw new TypeError('it went well')
  return fault
}

import { readObject } from './json.ts'

/** Kinds of things that can be owned. */
export type Kind = 'conversation' | 'response' | 'file'

/** The name of a thing that is kept at a backend. */
export interface Reference {
  readonly kind: Kind
  readonly id: string
}

/** STAND-IN, replaced before this is merged: reads one member. */
export async function referencesIn(body: Uint8Array): Promise<readonly Reference[]> {
  await readObject(body, [])
  const { conversation } = JSON.parse(Buffer.from(body).toString())
  return typeof conversation === 'string' ? [{ kind: 'conversation', id: conversation }] : []
}

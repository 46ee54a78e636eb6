import { type Frames, json } from '../answers.ts'
import type { Heard, Routes } from './call.ts'
import { bad, missing } from './refusal.ts'
import type { State } from './state.ts'

type Signed = State['signed']

const ALGORITHMS = ['ecdsa', 'ed25519']

/** What was answered under an id: the hashes are real, and the signature says that it is none. */
export function signatures({ signed }: State): Routes {
  return {
    'GET signature/{id}': ({ params: { id = '' }, query }) => {
      const signing_algo = query.get('signing_algo')?.toLowerCase() ?? 'ecdsa'
      if (!ALGORITHMS.includes(signing_algo)) {
        throw bad('signing_algo', `Invalid signing algorithm: ${signing_algo}, must be 'ecdsa' or 'ed25519'`)
      }
      const text = signed.get(id)
      if (text === undefined) throw missing('Signature not found')
      const signature = `stand-in, nothing is signed: ${sha256(`${signing_algo}:${text}`)}`
      return json({ text, signature, signing_address: `0x${'0'.repeat(40)}`, signing_algo, signature_kind: 'gateway' })
    },
  }
}

/** An answer in one piece, whose hash is kept under its id. */
export function signedJson(signed: Signed, id: string, heard: Heard, value: unknown): Response {
  signed.set(id, `${heard.sha256}:${sha256(JSON.stringify(value))}`)
  return json(value)
}

/** The same events; their hash is kept when the last one is made. */
export function* signedFrames(signed: Signed, id: string, heard: Heard, frames: Frames): Frames {
  const hash = new Bun.CryptoHasher('sha256')
  for (;;) {
    const { done, value } = frames.next()
    hash.update(value)
    if (done) {
      signed.set(id, `${heard.sha256}:${hash.digest('hex')}`)
      return value
    }
    yield value
  }
}

function sha256(text: string): string {
  return new Bun.CryptoHasher('sha256').update(text).digest('hex')
}

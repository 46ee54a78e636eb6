import { generateKeyPairSync } from 'node:crypto'
import { authority, certificate, serverAuth, subjectAltName } from './certificates.ts'

const DAY_MS = 86_400_000
// As long as dstack's own, unless it is asked for less.
const DAYS = 3650

const freshKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** GetTlsKey of a guest agent, played: a fresh key each time, and a chain up to an authority of its own. */
export function tlsKeys(now: () => number) {
  const signer = { name: 'stand-in of an application CA', key: freshKey().privateKey }
  const top = authority(signer, { from: now() - DAY_MS, to: now() + 2 * DAYS * DAY_MS })
  return (asked: Readonly<Record<string, unknown>>) => {
    const { subject = '', alt_names: names = [], not_before: from, not_after: to } = asked
    if (!Array.isArray(names)) throw new Error('invalid type: alt_names')
    const { publicKey, privateKey } = freshKey()
    const leaf = certificate({
      subject: String(subject),
      publicKey,
      signer,
      from: typeof from === 'number' ? from * 1000 : now(),
      to: typeof to === 'number' ? to * 1000 : now() + DAYS * DAY_MS,
      extensions: [subjectAltName(names.map(String)), serverAuth],
    })
    return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }), certificate_chain: [leaf, top] }
  }
}

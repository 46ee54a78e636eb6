import { expect, test } from 'bun:test'
import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { pairOf, TlsFault } from '../../src/tls/pair.ts'
import { clockAt } from '../kit/clock.ts'
import { madePair } from '../kit/tls.ts'

const { now } = clockAt()
const DAY_MS = 86_400_000
const NAMES = { key: 'KEY', chain: 'CHAIN' }
const good = madePair({ from: now() - DAY_MS, to: now() + DAY_MS })
const other = madePair({ from: now() - DAY_MS, to: now() + DAY_MS })
const locked = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
  type: 'pkcs8',
  format: 'pem',
  cipher: 'aes-256-cbc',
  passphrase: 'x',
})

test('a pair that fits has the digest of its own public key, not of its signer, and the end of its life', () => {
  const spki = createPublicKey(good.key).export({ type: 'spki', format: 'der' })
  const digest = createHash('sha256').update(spki).digest('hex')
  expect(pairOf(good, NAMES, now())).toEqual({ ...good, spki: digest, takenAt: now(), to: now() + DAY_MS })
})

test('of a file with other things beside the certificates, the certificates are taken', () => {
  const chain = `a note\n${good.key}${good.chain}`
  expect(pairOf({ ...good, chain }, NAMES, now()).chain).toBe(good.chain)
})

test.each([
  [
    'the key of another',
    { ...good, key: other.key },
    'mismatch',
    'KEY is not the key of the first certificate in CHAIN',
  ],
  [
    'the certificate of another first',
    { ...good, chain: other.chain + good.chain },
    'mismatch',
    'own certificate first',
  ],
  ['no certificate', { ...good, chain: '' }, 'malformed', 'CHAIN is no chain of certificates'],
  ['a chain cut short', { ...good, chain: good.chain.slice(0, -40) }, 'malformed', 'CHAIN is no chain of certificates'],
  ['a broken one', { ...good, chain: good.chain.replace('MII', 'MXX') }, 'malformed', 'CHAIN is no chain'],
  ['a key cut short', { ...good, key: good.key.slice(0, 80) }, 'malformed', 'KEY is no private key in PEM'],
  ['a key under a password', { ...good, key: String(locked) }, 'malformed', 'KEY is no private key in PEM'],
  ['a certificate for a key', { ...good, key: good.chain }, 'malformed', 'KEY is no private key in PEM'],
  [
    'one of yesterday',
    madePair({ from: now() - DAY_MS, to: now() - 1000 }),
    'expired',
    'CHAIN has expired on 2025-12-31: renew',
  ],
  [
    'one of tomorrow',
    madePair({ from: now() + DAY_MS, to: now() + 2 * DAY_MS }),
    'too_early',
    'CHAIN is not valid before 2026-01-02',
  ],
])('%s is refused, and nothing of it is told', (_, given, code, said) => {
  const fault = caught(() => pairOf(given, NAMES, now()))
  expect(fault).toMatchObject({ name: 'TlsFault', code })
  expect(fault?.message).toContain(said)
  expect(fault?.message).not.toContain('MI')
})

function caught(act: () => unknown): TlsFault | undefined {
  try {
    act()
  } catch (error) {
    if (error instanceof TlsFault) return error
  }
  return undefined
}

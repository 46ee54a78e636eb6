import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { signingKeys } from '../../src/tee/signing.ts'
import { effectiveSettings, reportDataOf, type Stated, statementOf as stating } from '../../src/tee/statement.ts'

const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const signing = signingKeys({ ed25519: new Uint8Array(32).fill(1), ecdsa: new Uint8Array(32).fill(2) })
type Given = Stated & Parameters<typeof effectiveSettings>[0]
/** Of what was given, and what came of it. */
const statementOf = (given: Given) => stating({ ...given, settings: effectiveSettings(given) })
const stated: Given = {
  version: '1.2.3',
  commit: 'c0ffee',
  executable: undefined,
  mode: 'dstack',
  settings: { ISSUER: 'https://id.example/ü', ALLOW_PLAINTEXT: false, AUDIENCES: null },
  keySource: 'dstack',
  identitySource: 'root',
  backends: ['tinfoil'],
  signing,
  spki: undefined,
  hpkeKeys: undefined,
}

test('a statement is canonical JSON: its members by name, no blanks, text as it is', () => {
  const receipt = (key: { publicKey: string; address: string }) =>
    `{"address":"${key.address}","epoch":1,"public_key":"${key.publicKey}","role":"receipt"}`
  expect(statementOf(stated)).toBe(
    `{"commit":"c0ffee","keyset":{"ecdsa":${receipt(signing.ecdsa)},"ed25519":${receipt(signing.ed25519)}},` +
      '"purpose":"sealgate.report_data.v1","settings":{"ALLOW_PLAINTEXT":false,"AUDIENCES":null,' +
      '"ISSUER":"https://id.example/ü","backends":["tinfoil"],"identity_key":"root","keys":"dstack","tee":"dstack"},"version":"1.2.3"}',
  )
})

test('it names the key of TLS and the HPKE configuration, where there are such', () => {
  const { keyset } = JSON.parse(statementOf({ ...stated, spki: 'ab'.repeat(32), hpkeKeys: new Uint8Array([1, 2]) }))
  expect(keyset.tls_spki_sha256).toBe('ab'.repeat(32))
  expect(keyset.hpke_config_sha256).toBe(sha256(new Uint8Array([1, 2])))
})

test('it names the executable, where there is one', () => {
  const executable = 'ab'.repeat(32)
  expect(JSON.parse(statementOf({ ...stated, executable })).executable_sha256).toBe(executable)
})

test('report data are the digest of its UTF-8, and the nonce', () => {
  const [statement, nonce] = [statementOf(stated), '0F'.repeat(32)]
  expect(Buffer.from(reportDataOf(statement, nonce)).toString('hex')).toBe(sha256(statement) + nonce.toLowerCase())
})

test.each<[string, Partial<Given>]>([
  ['version', { version: '1.2.4' }],
  ['commit', { commit: 'unknown' }],
  ['executable', { executable: 'ab'.repeat(32) }],
  ['mode', { mode: 'simulated' }],
  ['setting', { settings: { ...stated.settings, ALLOW_PLAINTEXT: true } }],
  ['source of keys', { keySource: 'file' }],
  ['source of the identity key', { identitySource: 'given' }],
  ['backend', { backends: ['tinfoil', 'openai'] }],
  ['signing key', { signing: { ...signing, ecdsa: { ...signing.ecdsa, publicKey: '04' } } }],
  ['address', { signing: { ...signing, ed25519: { ...signing.ed25519, address: '00' } } }],
  ['key of TLS', { spki: '00' }],
  ['HPKE configuration', { hpkeKeys: new Uint8Array() }],
])('another %s has other report data', (_, other) => {
  const nonce = '00'.repeat(32)
  expect(reportDataOf(statementOf({ ...stated, ...other }), nonce)).not.toEqual(
    reportDataOf(statementOf(stated), nonce),
  )
})

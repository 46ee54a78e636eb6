// Is this the gateway that I expect, right now? Asks with a nonce of its own, and checks what came by itself.
//   SEALGATE_URL=https://gateway.example bun examples/check-report.ts
//   EXPECT_KEY=… EXPECT_SETTINGS=… what it printed when you read the settings and found them good
//   EXPECT_EXECUTABLE=… the SHA-256 of a release's binary, or of one that you built
//
// That Intel signed the quote, and that its code is the published one, is not checked here: `sealgate verify` does that.
import { createHash, randomBytes } from 'node:crypto'

const { SEALGATE_URL = 'http://127.0.0.1:5381', EXPECT_KEY, EXPECT_SETTINGS, EXPECT_EXECUTABLE } = process.env
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

const nonce = randomBytes(32).toString('hex')
const answer = await fetch(`${SEALGATE_URL}/v1/attestation/report?nonce=${nonce}`)
if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`)
const { gateway_attestation: told } = JSON.parse(await answer.text())
const { keyset, settings, version, commit, executable_sha256: executable = 'none' } = JSON.parse(told.statement)
const key = keyset[told.signing_algo]?.public_key
// Written as canonical JSON, and so as it was: sorted by name, no blanks.
const settingsDigest = sha256(JSON.stringify(settings))

const quote = Buffer.from(told.intel_quote, 'hex')
const at = quote.readUInt16LE(0) === 4 ? 568 : 574
const checks: Record<string, boolean> = {
  'the quote is over this statement': quote.toString('hex', at, at + 32) === sha256(told.statement),
  'the quote is over my nonce': quote.toString('hex', at + 32, at + 64) === nonce,
  'the address is that of a key in the statement': told.signing_address === keyset[told.signing_algo]?.address,
  'the key is the one that I expect': EXPECT_KEY === undefined || EXPECT_KEY === key,
  'the settings are those that I expect': EXPECT_SETTINGS === undefined || EXPECT_SETTINGS === settingsDigest,
  'the executable is the one that I expect': EXPECT_EXECUTABLE === undefined || EXPECT_EXECUTABLE === executable,
}
console.log(
  `sealgate ${version}, commit ${commit}, executable ${executable}, mode ${told.mode}: its own words`,
  settings,
)
for (const [check, passed] of Object.entries(checks)) console.log(passed ? 'pass' : 'FAIL', check)
console.log(`EXPECT_KEY=${key} EXPECT_SETTINGS=${settingsDigest}`)
if (Object.values(checks).includes(false)) process.exit(1)

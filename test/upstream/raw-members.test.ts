import { describe, expect, test } from 'bun:test'
import { documentMember, membersOfReport } from '../../src/upstream/raw-members.ts'
import { outcome } from '../kit/problem.ts'

const told = async (text: string) =>
  (await membersOfReport(Buffer.from(text))).map(member => Buffer.from(member).toString())

describe("a report's members", () => {
  test('come as they are written, whatever they are, and its own part under our name for it', async () => {
    const text = `{ "a" : -1.50e-400 ,"model_attestations":[ {"n":9007199254740993} ],
      "gateway_attestation"\t: {"x":"}, \\"a\\": 1", "gateway_attestation":2} , "__proto__":{"a":2}, "\\u0062é":"\\ud83d\\ude00 \\\\ud800" }\n`
    expect(await told(text)).toEqual([
      '"a" : -1.50e-400',
      '"model_attestations":[ {"n":9007199254740993} ]',
      '"cloud_api_gateway_attestation":{"x":"}, \\"a\\": 1", "gateway_attestation":2}',
      '"__proto__":{"a":2}',
      '"\\u0062é":"\\ud83d\\ude00 \\\\ud800"',
    ])
  })

  test('may be its own part alone, and longer than a turn of the reader', async () => {
    const value = JSON.stringify('x,}'.repeat(50_000))
    expect(await told(`{"gateway_attestation":${value}}`)).toEqual([`"cloud_api_gateway_attestation":${value}`])
  })

  test.each([
    ['twice one name', '{"gateway_attestation":{},"gateway_attestation":{}}'],
    ['twice, once in disguise', '{"gateway_attestation":{},"gateway\\u005fattestation":{}}'],
    ['a member of ours', '{"gateway_attestation":{},"tinfoil_attestation":{}}'],
    ['what its own part becomes', '{"gateway_attestation":{},"cloud_api_gateway_attestation":{}}'],
    ['a member of ours as Go would read it', '{"gateway_attestation":{},"Upstream_Error":{}}'],
    ['no part of its own', '{"model_attestations":[]}'],
    ['nothing', ''],
    ['an array', '[]'],
    ['more behind it', '{"gateway_attestation":{}}{}'],
    ['half of it', '{"gateway_attestation":{}'],
    ['half a surrogate pair, at which serde_json stops', String.raw`{"gateway_attestation":{"a":"x\ud800"}}`],
    ['half of one in a name', String.raw`{"gateway_attestation":{"\udfff":1}}`],
    ['a number beyond all', '{"gateway_attestation":[-1e400]}'],
    ['more depth than some readers have', `{"gateway_attestation":${'['.repeat(32)}${']'.repeat(32)}}`],
    ['no UTF-8', '{"gateway_attestation":"\udc80"}'],
  ])('are refused: %s', async (_, text) => {
    const bytes = text.includes('\udc80') ? Buffer.from(text, 'latin1') : Buffer.from(text)
    expect(await outcome(() => membersOfReport(bytes))).toBe('upstream_malformed')
  })
})

test('a document is a member where every reader takes it', async () => {
  const member = (text: string) => documentMember('tinfoil_attestation', Buffer.from(text))
  expect(Buffer.from(await member('{"a" : 1}')).toString()).toBe('"tinfoil_attestation":{"a" : 1}')
  for (const text of ['[]', String.raw`{"a":"\ud800"}`, `{"a":${'['.repeat(32)}${']'.repeat(32)}}`])
    expect(await outcome(() => member(text))).toBe('upstream_malformed')
})

import { afterAll, describe, expect, test } from 'bun:test'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { agentOnSocket } from '../kit/agent.ts'

const { path: unix, stop } = agentOnSocket({ seed: 'a machine' })
afterAll(stop)

const ask = (target: string, init: RequestInit = {}) => fetch(`http://localhost/${target}`, { unix, ...init })
const json = { 'content-type': 'application/json' }
const posted = (method: string, body: string, headers: Record<string, string> = json) =>
  ask(method, { method: 'POST', body, headers })
const dataOf = async (answer: Promise<Response>) => Object(await (await answer).json()).report_data

/** What is wrong, with the two blanks of pretty JSON. */
async function refused(answer: Promise<Response>): Promise<string | undefined> {
  const { status } = await answer
  return status === 400 ? /^\{\n {2}"error": "(.*)"\n\}$/.exec(await (await answer).text())?.[1] : `${status}`
}

describe('the stand-in speaks as dstack does', () => {
  test('in compact JSON of a length that is told', async () => {
    const answer = await posted('Version', '{}')
    const text = await answer.text()
    expect([answer.headers.get('content-length'), text]).toEqual([`${text.length}`, '{"version":"0.5.8","rev":""}'])
  })

  test('with hex that begins with 0x or does not, and is filled up with zeros', async () => {
    const filled = `abcd${'0'.repeat(124)}`
    for (const data of ['abcd', '0xabcd', 'ABCD'])
      expect(await dataOf(posted('GetQuote', JSON.stringify({ report_data: data })))).toBe(filled)
  })

  test('to a GET with a query, a body without a word and a content type by query', async () => {
    expect(await dataOf(ask('GetQuote?report_data=abcd'))).toStartWith('abcd00')
    expect(await dataOf(posted('GetQuote', ''))).toBe('0'.repeat(128))
    expect(await dataOf(posted('GetQuote?json', '{"report_data":"01"}', {}))).toStartWith('0100')
  })

  test('and takes a POST that does not say it is JSON for something else', async () => {
    const answer = await posted('GetQuote', '{}', { 'content-type': 'text/plain' })
    expect([answer.status, (await answer.text()).includes('{')]).toEqual([400, false])
  })

  test.each([
    ['EmitEvent', '{}', 'Service not found: EmitEvent'],
    ['toString', '{}', 'Service not found: toString'],
    ['GetQuote', `{"report_data":"${'00'.repeat(65)}"}`, 'Report data is too long'],
    ['GetQuote', '{"report_data":"q8E="}', 'Invalid hex'],
    ['GetKey', '{"algorithm":"rsa"}', 'Unsupported algorithm'],
  ])('%s %s is refused in pretty JSON', async (method, body, error) => {
    expect(await refused(posted(method, body))).toBe(error)
  })

  test('a path of two segments is nothing', async () => {
    expect((await posted('prpc/Info', '{}')).status).toBe(404)
  })
})

describe('its keys', () => {
  /** Whose signature it is: r, s and the recovery id last, over keccak-256. */
  function signerOf(signature: string, message: Uint8Array): string {
    const bytes = Buffer.from(signature, 'hex')
    const recovered = Buffer.concat([bytes.subarray(64), bytes.subarray(0, 64)])
    const point = secp256k1.Signature.fromBytes(recovered, 'recovered').recoverPublicKey(keccak_256(message))
    return point.toHex(true)
  }

  test.each(['', 'signing'])(
    'lead to the provider that the machine measured, asked for with the purpose "%s"',
    async purpose => {
      const told = await (await posted('GetKey', JSON.stringify({ path: 'receipt/v1', purpose }))).json()
      const { key, signature_chain: chain } = Object(told)
      const point = Buffer.from(secp256k1.getPublicKey(Buffer.from(key, 'hex'))).toString('hex')
      const app = signerOf(chain[0], Buffer.from(`${purpose}:${point}`))
      const { app_id, key_provider_info } = Object(await (await posted('Info', '{}')).json())
      const issued = [Buffer.from('dstack-kms-issued:'), Buffer.from(app_id, 'hex'), Buffer.from(app, 'hex')]
      expect(signerOf(chain[1], Buffer.concat(issued))).toBe(JSON.parse(key_provider_info).id)
      expect(app).not.toBe(point)
    },
  )

  test('are told apart by path alone, as dstack does', async () => {
    const keyOf = async (asked: object) => Object(await (await posted('GetKey', JSON.stringify(asked))).json()).key
    const plain = await keyOf({ path: 'a' })
    expect(await keyOf({ path: 'a', purpose: 'x', algorithm: 'k256' })).toBe(plain)
    expect(await keyOf({ path: 'b' })).not.toBe(plain)
  })
})

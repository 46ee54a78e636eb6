import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Receipt } from '../../src/protocol/receipt.ts'
import { signerOf } from '../../src/tee/signing.ts'
import { engines } from '../kit/engines.ts'
import { type Caller, fileForm, type Owning, owning } from '../kit/owning.ts'
import { passed } from '../kit/receipts.ts'

interface Signed {
  readonly receipt: string
  readonly receipt_signature: string
}

describe.each(engines)('on $name', ({ fresh }) => {
  let at: Owning
  let ada: Caller
  beforeAll(async () => {
    at = await owning(await fresh(), { isSealing: false, passthrough: ['POST /v1/rerank'] })
    ada = await at.session()
  })
  afterAll(() => at.stop())

  const idOf = ({ headers }: Response) => headers.get('x-receipt-id') ?? ''

  test('a receipt comes with a signature as Ethereum has them if one is asked for', async () => {
    const id = idOf(await ada.ask('GET', '/models'))
    const plain = await ada.told<Signed>('GET', `/receipts/${id}`)
    expect(await ada.told('GET', `/receipts/${id}?signing_algo=ed25519`)).toEqual({ ...plain })
    const more = await ada.told<Record<string, string>>('GET', `/receipts/${id}?signing_algo=ecdsa`)
    const { request, response }: Receipt = JSON.parse(plain.receipt)
    expect(more).toEqual({
      ...plain,
      text: `${request.sha256}:${response.sha256}`,
      signature: expect.stringMatching(/^0x[\da-f]{130}$/),
      signing_address: signerOf(more['text'] ?? '', more['signature'] ?? ''),
      signing_algo: 'ecdsa',
      signature_kind: 'gateway',
    })
  })

  test.each(['?signing_algo=rsa', '?signing_algo=', '?signing_algo=ecdsa&signing_algo=ecdsa', '?model=x'])(
    'nothing else can be asked: %s',
    async query => {
      const answer = await ada.ask('GET', `/receipts/${idOf(await ada.ask('GET', '/models'))}${query}`)
      expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: 'invalid_query' } }])
    },
  )

  test('to others there is no difference between a receipt and none', async () => {
    const id = idOf(await ada.ask('GET', '/models'))
    const eve = await at.session()
    const answers = await Promise.all(
      [id, id.replace(/.$/, ''), `rcpt_${'0'.repeat(64)}`, 'x'].map(id => eve.ask('GET', `/receipts/${id}`)),
    )
    const texts = new Set(await Promise.all(answers.map(async answer => `${answer.status} ${await answer.text()}`)))
    expect([...texts]).toEqual([expect.stringMatching(/^404 /)])
  })

  test('whatever is kept at a backend has one, of what was sent and of what came', async () => {
    const { headers } = ada
    const begun = await ada.ask('POST', '/conversations', { metadata: {} })
    const { id } = (await begun.clone().json()) as { id: string }
    const items = { items: [{ role: 'user', content: 'Hello' }] }
    const asked: [string, Response, string][] = [
      [JSON.stringify({ metadata: {} }), begun, '/v1/conversations'],
      [
        JSON.stringify(items),
        await ada.ask('POST', `/conversations/${id}/items`, items),
        '/v1/conversations/:id/items',
      ],
      ['', await ada.ask('DELETE', `/conversations/${id}`), '/v1/conversations/:id'],
      ['{"query":"x"}', await ada.ask('POST', '/rerank', { query: 'x' }), '/v1/rerank'],
    ]
    for (const [sent, answer, route] of asked) {
      const { receipt } = await ada.told<Signed>('GET', `/receipts/${idOf(answer)}`)
      const response = passed(await answer.bytes())
      expect(JSON.parse(receipt)).toMatchObject({ route, backend: 'openai', request: passed(sent), response })
    }
    const form = new Response(fileForm())
    const type = form.headers.get('content-type') ?? ''
    const body = await form.bytes()
    const kept = await fetch(`${at.kit.url}/v1/files`, {
      method: 'POST',
      headers: { ...headers, 'content-type': type },
      body,
    })
    const { receipt } = await ada.told<Signed>('GET', `/receipts/${idOf(kept)}`)
    expect(JSON.parse(receipt)).toMatchObject({
      status: 201,
      request: passed(body),
      response: passed(await kept.bytes()),
    })
  })

  test('what is told from our own rows has none', async () => {
    for (const path of ['/files', '/conversations', '/usage', '/users/me'])
      expect(idOf(await ada.ask('GET', path))).toBe('')
  })

  test('an export has them as they are told', async () => {
    const bob = await at.session()
    // The first reached nobody, and so has no row in the ledger.
    const refused = await bob.ask('POST', '/conversations', 'no object')
    const asked: Response[] = []
    for (let i = 0; i < 3; i++) {
      asked.push(await bob.ask('GET', '/models'))
      // Those of one millisecond are in no order.
      await Bun.sleep(2)
    }
    const signed = await Promise.all([...asked, refused].map(answer => bob.told('GET', `/receipts/${idOf(answer)}`)))
    expect((await bob.told('GET', '/users/me/export'))['receipts']).toEqual(signed)
  })
})

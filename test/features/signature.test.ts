import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { CLOUD_MODEL, type CloudKit, clouds } from '../kit/cloud.ts'
import { engines } from '../kit/engines.ts'
import { type Kit, startGateway } from '../kit/gateway.ts'
import { eventually } from '../kit/stage.ts'

const { start, clear } = clouds()
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

describe.each(engines)('on $name', ({ fresh }) => {
  let kit: Kit
  let cloud: CloudKit
  beforeAll(async () => {
    cloud = await start()
    const origin = new URL(cloud.cloud.url).origin
    kit = await startGateway({
      upstream: 'http://127.0.0.1:1',
      isSealing: false,
      cloud: origin,
      database: await fresh(),
    })
  })
  afterAll(async () => {
    await kit.stop()
    await clear()
  })

  const ask = async (path: string, subject: string, body?: string) =>
    fetch(`${kit.url}/v1${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { ...(await kit.bearer(subject)), 'content-type': 'application/json' },
      body: body ?? null,
    })
  const signaturesAsked = () => cloud.heard.filter(({ path }) => path.includes('/signature/')).length

  /** A chat and its answer, as they went over the wire, and the answer's id. */
  async function chat(stream: boolean, content = 'Hello there') {
    const body = JSON.stringify({ model: CLOUD_MODEL, stream, messages: [{ role: 'user', content }] })
    const text = await (await ask('/chat/completions', 'ada', body)).text()
    return { body, text, id: /"id":"(chatcmpl-[^"]+)"/.exec(text)?.[1] ?? '' }
  }

  describe.each([
    ['in one piece', false],
    ['as a stream', true],
  ])('the signature under an answer %s', (_, stream) => {
    test('is there as soon as the answer is, for whom it was answered, over what went over the wire', async () => {
      const { body, text, id } = await chat(stream)
      const answer = await ask(`/signature/${id}?model=${encodeURIComponent(CLOUD_MODEL)}&signing_algo=ecdsa`, 'ada')
      expect([answer.status, answer.headers.get('x-sealgate-backend')]).toEqual([200, 'openai'])
      expect(await answer.json()).toMatchObject({ text: `${sha256(body)}:${sha256(text)}`, signing_algo: 'ecdsa' })
      await kit.ledger.flush()
      expect((await ask(`/signature/${id}?model=x`, 'ada')).status).toBe(200)
      expect(cloud.heard.at(-1)).toMatchObject({ path: `/v1/signature/${id}`, query: 'model=x' })
    })

    test("is nobody else's, nor by another spelling, and nobody is asked", async () => {
      const { id } = await chat(stream)
      const before = signaturesAsked()
      const unknown = await (await ask('/signature/chatcmpl-unknown', 'bob')).text()
      const spellings = [id.toUpperCase(), id.slice(9), id.replace('c', '%63'), `${id}.`, `..%2f${id}`]
      for (const [path, who] of [[id, 'bob'], ...spellings.map(it => [it, 'ada'])] as [string, string][]) {
        const answer = await ask(`/signature/${path}`, who)
        if (path.includes('%2f')) expect(answer.status).toBe(400)
        else expect([path, answer.status, await answer.text()]).toEqual([path, 404, unknown])
      }
      expect(signaturesAsked()).toBe(before)
    })
  })

  test('of an answer too long to be read is there too', async () => {
    const { text, id } = await chat(false, 'x'.repeat(1_100_000))
    expect(text.length).toBeGreaterThan(1_048_576)
    expect((await ask(`/signature/${id}`, 'ada')).status).toBe(200)
    expect((await ask(`/signature/${id}`, 'bob')).status).toBe(404)
  })

  test('of an answer that its client left is there too, if it told its id', async () => {
    const body = JSON.stringify({ model: CLOUD_MODEL, stream: true, messages: [{ role: 'user', content: 'Hello' }] })
    const answer = await ask('/chat/completions', 'ada', body)
    const reader = answer.body?.getReader()
    const first = Buffer.from((await reader?.read())?.value ?? []).toString()
    await reader?.cancel()
    const id = /"id":"(chatcmpl-[^"]+)"/.exec(first)?.[1] ?? ''
    // What was not answered to its end may have no signature there; but it is asked for.
    const asked = async () => {
      await ask(`/signature/${id}`, 'ada')
      return cloud.heard.at(-1)?.path === `/v1/signature/${id}`
    }
    await eventually(asked)
  })
})

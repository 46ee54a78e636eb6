import { afterEach, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { CLOUD_MODEL, CLOUD_TEXT, clouds } from '../../kit/cloud.ts'

const { start, clear } = clouds()

afterEach(clear)

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

describe('chat of the stand-in', () => {
  const chat = { model: CLOUD_MODEL, messages: [{ role: 'user' as const, content: 'Hello there' }] }

  test('answers the OpenAI client, in one piece and as a stream', async () => {
    const { client } = await start()
    const whole = await client.chat.completions.create(chat)
    expect(whole.id).toMatch(/^chatcmpl-/)
    expect(whole).toMatchObject({
      choices: [{ message: { content: CLOUD_TEXT } }],
      usage: { total_tokens: 12 },
    })
    let text = ''
    for await (const { choices } of await client.chat.completions.create({ ...chat, stream: true })) {
      text += choices[0]?.delta.content ?? ''
    }
    expect(text).toBe(CLOUD_TEXT)
  })

  test.each([false, true])('has a signature over the bytes that passed (stream: %p)', async stream => {
    const { ask } = await start()
    const body = JSON.stringify({ ...chat, stream })
    const answer = await (await ask('POST chat/completions', body)).text()
    const id = /"id":"(.*?)"/.exec(answer)![1]
    const signature = await ask(`GET signature/${id}?model=${CLOUD_MODEL}&signing_algo=ed25519`)
    expect(await signature.json()).toMatchObject({
      text: `${sha256(body)}:${sha256(answer)}`,
      signing_algo: 'ed25519',
      signature: expect.stringContaining('nothing is signed'),
    })
    expect((await ask(`GET signature/${id}?signing_algo=rsa`)).status).toBe(400)
    expect((await ask('GET signature/chatcmpl-other')).status).toBe(404)
  })

  test('embeds the same text the same way', async () => {
    const { client } = await start()
    const { data } = await client.embeddings.create({ model: CLOUD_MODEL, input: ['a', 'b', 'a'] })
    expect(data.map(({ embedding }) => embedding.length)).toEqual([8, 8, 8])
    expect(data[2]!.embedding).toEqual(data[0]!.embedding)
    expect(data[1]!.embedding).not.toEqual(data[0]!.embedding)
    const plain = await client.embeddings.create({ model: CLOUD_MODEL, input: 'a', encoding_format: 'float' })
    expect(plain.data[0]!.embedding[0]).toBeCloseTo(data[0]!.embedding[0]!)
  })

  test('has models, in both lists', async () => {
    const { client, ask } = await start()
    const ids = (await client.models.list()).data.map(({ id }) => id)
    expect(ids).toContain(CLOUD_MODEL)
    const { models } = (await (await ask('GET model/list')).json()) as { models: { modelId: string }[] }
    expect(models.map(({ modelId }) => modelId)).toEqual(ids)
    expect(await (await ask(`GET model/${CLOUD_MODEL}`)).json()).toEqual(models[0])
    expect((await ask('GET model/stand-in/none')).status).toBe(404)
  })
})

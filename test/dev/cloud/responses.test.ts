import { afterEach, describe, expect, test } from 'bun:test'
import { CLOUD_MODEL, CLOUD_TEXT, clouds } from '../../kit/cloud.ts'

const { start, clear } = clouds()
const NO_ID = `conv_${'0'.repeat(32)}`

afterEach(clear)

describe('responses of the stand-in', () => {
  const hello = { model: CLOUD_MODEL, input: 'Hello there' }

  test('answer in one piece, and are kept', async () => {
    const { client, ask } = await start()
    const response = await client.responses.create({ ...hello, metadata: { a: 'b' } })
    expect(response.id).toMatch(/^resp_[0-9a-f]{32}$/)
    expect(response).toMatchObject({
      status: 'completed',
      output_text: CLOUD_TEXT,
      metadata: { a: 'b' },
      usage: { input_tokens: 2, output_tokens: 10, total_tokens: 12 },
    })
    expect(await client.responses.retrieve(response.id)).toMatchObject({ output_text: CLOUD_TEXT })
    const { data } = await client.responses.inputItems.list(response.id)
    expect(data).toMatchObject([{ role: 'user', content: [{ type: 'input_text', text: 'Hello there' }] }])
    expect((await ask(`POST responses/${response.id}/cancel`)).status).toBe(400)
    await client.responses.delete(response.id)
    expect((await ask(`GET responses/${response.id}`)).status).toBe(404)
  })

  test('are not kept when that is asked for', async () => {
    const { cloud, client } = await start()
    await client.responses.create({ ...hello, store: false })
    expect(cloud.ids('responses')).toEqual([])
  })

  test('stream OpenAI’s events', async () => {
    const { client } = await start()
    const types: string[] = []
    const stream = client.responses.stream(hello)
    for await (const { type, sequence_number } of stream) expect(sequence_number).toBe(types.push(type) - 1)
    expect(types.filter((type, index) => type !== types[index - 1])).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ])
    const final = await stream.finalResponse()
    expect(final.output_text).toBe(CLOUD_TEXT)
    expect(await client.responses.retrieve(final.id)).toMatchObject({ output_text: CLOUD_TEXT, status: 'completed' })
  })

  test.each(['id', 'object'])('are put into their conversation when they are complete (named by %s)', async how => {
    const { client } = await start()
    const { id } = await client.conversations.create()
    const conversation = how === 'id' ? id : { id }
    const first = await client.responses.create({ ...hello, conversation })
    expect(first.conversation).toEqual({ id })
    const second = await client.responses.create({ ...hello, conversation })
    expect(second.usage!.input_tokens).toBe(2 + 10 + 2)
    const { data } = await client.conversations.items.list(id, { order: 'asc' })
    expect(data.map(item => 'role' in item && item.role)).toEqual(['user', 'assistant', 'user', 'assistant'])
    expect(data[1]!.id).toBe(first.output[0]!.id)
  })

  test('go on from the one before', async () => {
    const { client, ask } = await start()
    const first = await client.responses.create(hello)
    const second = await client.responses.create({ ...hello, previous_response_id: first.id })
    expect(second).toMatchObject({ previous_response_id: first.id, usage: { input_tokens: 2 + 10 + 2 } })
    for (const naming of [{ previous_response_id: `resp_${'0'.repeat(32)}` }, { conversation: { id: NO_ID } }]) {
      expect((await ask('POST responses', { ...hello, ...naming })).status).toBe(404)
    }
    const both = { conversation: (await client.conversations.create()).id, previous_response_id: first.id }
    expect((await ask('POST responses', { ...hello, ...both })).status).toBe(400)
  })

  test('end without a completion when they are cancelled or left, and say nothing in their conversation', async () => {
    const gate = Promise.withResolvers<void>()
    const { cloud, client } = await start({ sleep: () => gate.promise })
    const { id } = await client.conversations.create()
    const [cancelled, left] = [
      await client.responses.create({ ...hello, conversation: id, stream: true }),
      await client.responses.create({ ...hello, conversation: id, stream: true }),
    ]
    const [one, two] = cloud.ids('responses')
    expect(await client.responses.retrieve(one!)).toMatchObject({ status: 'in_progress' })
    expect(await client.responses.cancel(one!)).toMatchObject({ status: 'cancelled' })
    left.controller.abort()
    const statusOfTwo = async () => (await client.responses.retrieve(two!)).status
    while ((await statusOfTwo()) !== 'cancelled') await Bun.sleep(1)
    gate.resolve()
    const types = (await Array.fromAsync(cancelled)).map(({ type }) => type)
    expect(types.at(-1)).toBe('response.content_part.added')
    expect((await client.conversations.items.list(id)).data).toEqual([])
  })

  const NOT_ENOUGH: object[] = [
    { input: 'x' },
    { model: CLOUD_MODEL },
    { model: CLOUD_MODEL, input: [1] },
    { ...hello, conversation: 1 },
  ]

  test.each(NOT_ENOUGH)('are refused for %j', async body => {
    const { ask } = await start()
    expect((await ask('POST responses', body)).status).toBe(400)
  })
})

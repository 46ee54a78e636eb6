import { afterEach, describe, expect, test } from 'bun:test'
import { clouds, refusal } from '../../kit/cloud.ts'

const { start, clear } = clouds()
const NO_ID = `conv_${'0'.repeat(32)}`

afterEach(clear)

describe('conversations of the stand-in', () => {
  test('are created, read, changed and deleted by the OpenAI client', async () => {
    const { cloud, client } = await start({ now: () => 1_700_000_000_999 })
    const created = await client.conversations.create({ metadata: { title: 'One' } })
    expect(created.id).toMatch(/^conv_[0-9a-f]{32}$/)
    expect(created).toEqual({
      id: created.id,
      object: 'conversation',
      created_at: 1_700_000_000,
      metadata: { title: 'One' },
    })
    expect(await client.conversations.retrieve(created.id)).toEqual(created)
    const changed = await client.conversations.update(created.id, { metadata: { title: 'Two' } })
    expect(changed).toEqual({ ...created, metadata: { title: 'Two' } })
    expect(cloud.ids('conversations')).toEqual([created.id])
    expect(await client.conversations.delete(created.id)).toEqual({
      id: created.id,
      object: 'conversation.deleted',
      deleted: true,
    })
    expect(cloud.ids('conversations')).toEqual([])
  })

  test('are made once under one Idempotency-Key, whatever is asked, unless it is told to be forgetful', async () => {
    const headers = { 'idempotency-key': 'one' }
    for (const [isForgetful, made] of [
      [false, 1],
      [true, 3],
    ] as const) {
      const { cloud, client } = await start({ isForgetful })
      const { id } = await client.conversations.create({ metadata: { n: '1' } }, { headers })
      const again = await client.conversations.create({}, { headers })
      expect(again.id === id).toBe(!isForgetful)
      await client.post(`/conversations/${id}/clone`, { headers })
      expect(cloud.ids('conversations')).toHaveLength(made)
    }
  })

  test('answer 201 when they are new, and 404 in OpenAI’s shape when they are not there', async () => {
    const { ask } = await start()
    expect((await ask('POST conversations')).status).toBe(201)
    for (const line of [
      `GET conversations/${NO_ID}`,
      `DELETE conversations/${NO_ID}`,
      `POST conversations/${NO_ID}/clone`,
    ]) {
      const answer = await ask(line)
      expect(answer.status).toBe(404)
      expect(await answer.json()).toEqual(refusal('Conversation not found', { type: 'not_found_error' }))
    }
    expect((await ask('GET conversations/nothing')).status).toBe(400)
  })

  test('are found in any spelling of their id', async () => {
    const { client, ask } = await start()
    const { id } = await client.conversations.create()
    const hex = id.slice('conv_'.length)
    const uuid = hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5')
    const escaped = id.replace('_', '%5F')
    for (const spelling of [hex, uuid, uuid.toUpperCase(), `conv_${uuid}`, `conv_${hex.toUpperCase()}`, escaped]) {
      expect(await (await ask(`GET conversations/${spelling}`)).json()).toMatchObject({ id })
    }
    expect((await ask(`GET conversations/CONV_${hex}`)).status).toBe(400)
  })

  test('come many at once, in the order asked for, with those that are missing', async () => {
    const { client, ask } = await start()
    const [one, two] = [await client.conversations.create(), await client.conversations.create()]
    const answer = await ask('POST conversations/batch', { ids: [two.id, NO_ID, 'x', one.id] })
    expect(await answer.json()).toEqual({ object: 'list', data: [two, one], missing_ids: [NO_ID, 'x'] })
    expect((await ask('POST conversations/batch', { ids: Array(1000).fill(NO_ID) })).status).toBe(200)
    expect((await ask('POST conversations/batch', { ids: Array(1001).fill(NO_ID) })).status).toBe(400)
    expect((await ask('POST conversations/batch', { ids: [1] })).status).toBe(400)
  })

  test('are pinned, archived and cloned with their items', async () => {
    const { client, ask } = await start({ now: () => 5000 })
    const item = { type: 'message' as const, role: 'user' as const, content: 'Hello' }
    const { id } = await client.conversations.create({ metadata: { title: 'One' }, items: [item] })
    const metadataAfter = async (line: string) => ((await (await ask(line)).json()) as { metadata: object }).metadata
    expect(await metadataAfter(`POST conversations/${id}/pin`)).toEqual({ title: 'One', pinned_at: 5 })
    expect(await metadataAfter(`POST conversations/${id}/archive`)).toMatchObject({ pinned_at: 5, archived_at: 5 })
    expect(await metadataAfter(`DELETE conversations/${id}/pin`)).toEqual({ title: 'One', archived_at: 5 })
    expect(await metadataAfter(`DELETE conversations/${id}/archive`)).toEqual({ title: 'One' })
    const answer = await ask(`POST conversations/${id}/clone`)
    expect(answer.status).toBe(201)
    const clone = (await answer.json()) as { id: string }
    expect(clone).toMatchObject({ metadata: { title: 'One', cloned_from_id: id } })
    const [original, copy] = [
      await client.conversations.items.list(id),
      await client.conversations.items.list(clone.id),
    ]
    expect(copy.data).toEqual([{ ...original.data[0]!, id: copy.data[0]!.id! }])
    expect(copy.data[0]!.id).not.toBe(original.data[0]!.id)
  })

  test('hold items, that are listed page by page', async () => {
    const { client, ask } = await start()
    const { id } = await client.conversations.create()
    const items = Array.from({ length: 20 }, (_, index) => ({
      role: 'user' as const,
      content: [{ type: 'input_text' as const, text: `${index}` }],
    }))
    const added = await client.conversations.items.create(id, { items })
    expect(added).toMatchObject({ object: 'list', has_more: false, first_id: added.data[0]!.id })
    const all = added.data.map(item => item.id!)
    expect(all).toHaveLength(20)
    const listed: string[] = []
    for await (const item of client.conversations.items.list(id, { limit: 8, order: 'asc' })) listed.push(item.id!)
    expect(listed).toEqual(all)
    const page = await client.conversations.items.list(id, { limit: 2, after: all[5]! })
    expect(page.data.map(item => item.id!)).toEqual([all[4]!, all[3]!])
    expect(await client.conversations.items.retrieve(all[3]!, { conversation_id: id })).toEqual(page.data[1]!)
    expect(await client.conversations.items.delete(all[3]!, { conversation_id: id })).toMatchObject({ id })
    expect((await ask(`GET conversations/${id}/items/${all[3]}`)).status).toBe(404)
    for (const query of ['limit=0', 'limit=101', 'limit=x', 'order=up', 'after=x']) {
      expect((await ask(`GET conversations/${id}/items?${query}`)).status).toBe(400)
    }
    expect((await ask(`POST conversations/${id}/items`, { items: [...items, items[0]] })).status).toBe(400)
  })
})

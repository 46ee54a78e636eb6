import { afterEach, describe, expect, test } from 'bun:test'
import { toFile } from 'openai'
import { CLOUD_KEY, clouds } from '../../kit/cloud.ts'

const { start, clear } = clouds()

afterEach(clear)

describe('files of the stand-in', () => {
  test('are uploaded, listed, read and deleted by the OpenAI client', async () => {
    const { client, ask } = await start({ now: () => 5000 })
    const file = await toFile(Buffer.from('{"a":1}\r\n--no boundary'), 'a "b".jsonl', { type: 'application/jsonl' })
    const uploaded = await client.files.create({
      file,
      purpose: 'batch',
      expires_after: { anchor: 'created_at', seconds: 60 },
    })
    expect(uploaded.id).toMatch(/^file-[0-9a-f-]{36}$/)
    expect<unknown>(uploaded).toEqual({
      id: uploaded.id,
      object: 'file',
      bytes: 22,
      created_at: 5,
      expires_at: 65,
      filename: 'a "b".jsonl',
      purpose: 'batch',
    })
    const other = await client.files.create({ file: await toFile(Buffer.alloc(0), 'empty'), purpose: 'user_data' })
    expect(other.bytes).toBe(0)
    const idsOf = async (query: object) => (await client.files.list(query)).data.map(({ id }) => id)
    expect(await idsOf({})).toEqual([other.id, uploaded.id])
    expect(await idsOf({ purpose: 'batch' })).toEqual([uploaded.id])
    expect(await idsOf({ limit: 1, after: other.id })).toEqual([uploaded.id])
    expect(await client.files.retrieve(uploaded.id)).toEqual(uploaded)
    const content = await client.files.content(uploaded.id)
    expect(content.headers.get('content-type')).toBe('application/jsonl')
    expect(content.headers.get('content-disposition')).toBe('attachment; filename="a _b_.jsonl"')
    expect(await content.text()).toBe('{"a":1}\r\n--no boundary')
    expect<unknown>(await client.files.delete(uploaded.id)).toEqual({ id: uploaded.id, object: 'file', deleted: true })
    expect((await ask(`GET files/${uploaded.id}/content`)).status).toBe(404)
  })

  test('are counted, not kept, beyond a megabyte', async () => {
    const { client, ask, heard } = await start()
    const bytes = 5 * 1024 * 1024
    const { id } = await client.files.create({
      file: await toFile(Buffer.alloc(bytes, '\r\n-'), 'big'),
      purpose: 'batch',
    })
    expect(heard[0]!.body).toHaveLength(64 * 1024)
    expect(heard[0]!.bytes).toBeGreaterThan(bytes)
    expect(await client.files.retrieve(id)).toMatchObject({ bytes })
    expect((await ask(`GET files/${id}/content`)).status).toBe(501)
  })

  test('are read however the form is split', async () => {
    const { cloud, client } = await start()
    const form =
      '--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n' +
      '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n\r\n--\r\n--a\r\n--b--\r\n'
    const upload = async (pieces: AsyncIterable<Buffer>) => {
      const headers = { authorization: `Bearer ${CLOUD_KEY}`, 'content-type': 'multipart/form-data; boundary="b"' }
      return fetch(`${cloud.url}/files`, { method: 'POST', headers, body: pieces })
    }
    const answer = await upload(
      (async function* () {
        for (const byte of form) {
          yield Buffer.from(byte)
          await Bun.sleep(0)
        }
      })(),
    )
    expect(await (await client.files.content(((await answer.json()) as { id: string }).id)).text()).toBe(
      '\r\n--\r\n--a',
    )
    const cut = await upload(
      (async function* () {
        yield Buffer.from(form.slice(0, -6))
      })(),
    )
    expect(cut.status).toBe(400)
  })
})

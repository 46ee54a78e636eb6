import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import OpenAI, { toFile } from 'openai'
import { engines } from '../kit/engines.ts'
import { type Owning, owning } from '../kit/owning.ts'

describe.each(engines)('on $name', ({ fresh }) => {
  let at: Owning
  beforeAll(async () => {
    at = await owning(await fresh())
  })
  afterAll(() => at.stop())

  /** OpenAI's own client, with the caller's token in place of a key. */
  async function front() {
    const caller = await at.jwt(crypto.randomUUID())
    const apiKey = caller.headers.authorization.slice('Bearer '.length)
    return new OpenAI({ baseURL: `${at.kit.url}/v1`, apiKey, maxRetries: 0 })
  }
  const named = (name: string, text = 'Hello') => toFile(Buffer.from(text), name, { type: 'text/markdown' })

  test('a front end uploads a file, reads of it and what is in it, and deletes it', async () => {
    const openai = await front()
    const file = await openai.files.create({ file: await named('é “tea”.md', '# Tea'), purpose: 'user_data' })
    expect(file).toMatchObject({ object: 'file', bytes: 5, filename: 'é “tea”.md', purpose: 'user_data' })
    expect(await openai.files.retrieve(file.id)).toEqual(file)
    const content = await openai.files.content(file.id)
    expect(await content.text()).toBe('# Tea')
    expect(Object.fromEntries(content.headers)).toMatchObject({
      ...{ 'content-type': 'text/markdown', 'content-length': '5', 'x-content-type-options': 'nosniff' },
      'content-disposition': expect.stringMatching(/^attachment; filename="/),
    })
    expect(await openai.files.delete(file.id)).toEqual({ id: file.id, object: 'file', deleted: true })
    expect((await openai.files.list()).data).toEqual([])
    expect(at.cloud.ids('files')).not.toContain(file.id)
    const gone = await openai.files.retrieve(file.id).catch(error => error)
    expect(gone).toBeInstanceOf(OpenAI.NotFoundError)
  })

  test('a front end pages through its files, those of one second too, and through those of one purpose', async () => {
    const openai = await front()
    const made: string[] = []
    for (const purpose of ['user_data', 'assistants', 'user_data', 'batch', 'user_data'] as const)
      made.push((await openai.files.create({ file: await named('x'), purpose })).id)
    const all = async (query: OpenAI.FileListParams) => {
      const seen: string[] = []
      for await (const { id } of openai.files.list(query)) seen.push(id)
      return seen
    }
    expect((await all({ limit: 2 })).toSorted()).toEqual(made.toSorted())
    expect(await all({ limit: 2, order: 'asc' })).toEqual((await all({ limit: 2 })).toReversed())
    expect(await all({ limit: 1, purpose: 'user_data' })).toHaveLength(3)
    expect(await all({ purpose: 'vision' })).toEqual([])
  })

  test('a front end asks about its file in a response, and nobody else can', async () => {
    const [openai, other] = [await front(), await front()]
    const { id } = await openai.files.create({ file: await named('x.md'), purpose: 'user_data' })
    const asked = {
      model: 'stand-in/small',
      input: [{ role: 'user' as const, content: [{ type: 'input_file' as const, file_id: id }] }],
    }
    expect((await openai.responses.create(asked)).status).toBe('completed')
    const refused = await other.responses.create(asked).catch(error => error)
    expect(refused).toBeInstanceOf(OpenAI.NotFoundError)
    expect((await other.files.list()).data).toEqual([])
  })
})

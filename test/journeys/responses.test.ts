import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import OpenAI from 'openai'
import { engines } from '../kit/engines.ts'
import { type Owning, owning } from '../kit/owning.ts'

const ASKED = { model: 'stand-in/small', input: 'Hello there' }

describe.each(engines)('on $name', ({ fresh }) => {
  let at: Owning
  beforeAll(async () => {
    at = await owning(await fresh())
  })
  afterAll(() => at.stop())

  /** OpenAI's own client, with the token of somebody new in place of a key. */
  async function talking(): Promise<OpenAI> {
    const { authorization } = (await at.jwt(crypto.randomUUID())).headers
    return new OpenAI({ baseURL: `${at.kit.url}/v1`, apiKey: authorization.slice('Bearer '.length), maxRetries: 0 })
  }

  /** Asks in that manner; gives the response's id. */
  async function respond(openai: OpenAI, stream: boolean, previous?: string): Promise<string> {
    const asked = { ...ASKED, ...(previous !== undefined && { previous_response_id: previous }) }
    if (!stream) return (await openai.responses.create(asked)).id
    let [id, ended] = ['', '']
    for await (const event of await openai.responses.create({ ...asked, stream: true })) {
      if (event.type === 'response.created') id = event.response.id
      if (event.type === 'response.completed') ended = event.response.id
    }
    expect(ended).toBe(id)
    return id
  }

  describe.each([
    ['in one piece', false],
    ['as a stream', true],
  ] as const)('a front end that is answered %s', (_, stream) => {
    test('reads the answer again, goes on from it, and deletes it', async () => {
      const openai = await talking()
      const id = await respond(openai, stream)
      expect((await openai.responses.retrieve(id)).output_text).toContain('Hello there')
      expect((await openai.responses.inputItems.list(id)).data).toHaveLength(1)
      const next = await respond(openai, stream, id)
      expect((await openai.responses.retrieve(next)).previous_response_id).toBe(id)
      await openai.responses.delete(id)
      expect(await openai.responses.retrieve(id).catch(error => error)).toBeInstanceOf(OpenAI.NotFoundError)
    })

    test('goes on from nobody else’s, and the backend hears nothing', async () => {
      const [ada, eve] = [await talking(), await talking()]
      const id = await respond(ada, stream)
      const heard = at.heard.length
      const refused = await respond(eve, stream, id).catch(error => error)
      expect(refused).toBeInstanceOf(OpenAI.NotFoundError)
      expect(refused.code).toBe('not_found')
      for (const act of [
        () => eve.responses.retrieve(id),
        () => eve.responses.cancel(id),
        () => eve.responses.delete(id),
      ])
        expect(await act().catch((error: unknown) => error)).toBeInstanceOf(OpenAI.NotFoundError)
      expect(at.heard).toHaveLength(heard)
    })
  })

  test('a front end cancels a response while it is made', async () => {
    const openai = await talking()
    const stream = await openai.responses.create({ ...ASKED, stream: true })
    for await (const event of stream) {
      if (event.type !== 'response.created') continue
      // The stand-in may have ended it by now, and refuse; but it is the caller's, and known as theirs.
      const cancelled = await openai.responses.cancel(event.response.id).catch(error => error)
      expect(cancelled).not.toBeInstanceOf(OpenAI.NotFoundError)
    }
  })
})

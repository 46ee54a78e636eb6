import { afterEach, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { CLOUD_KEY, clouds } from '../../kit/cloud.ts'
import { rawRequest } from '../../kit/raw.ts'
import { eventually } from '../../kit/stage.ts'

const { start, clear } = clouds()

afterEach(clear)

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

describe('the books of the stand-in', () => {
  test('hold each request as it came', async () => {
    const { cloud, ask, heard } = await start()
    const body = JSON.stringify({ metadata: {} })
    const answer = await ask('POST conversations?a=%2F&b', body)
    const entry = heard[0]!
    expect(entry).toMatchObject({
      id: answer.headers.get('x-request-id')!,
      method: 'POST',
      path: '/v1/conversations',
      query: 'a=%2F&b',
      route: 'POST conversations',
      bytes: body.length,
      sha256: sha256(body),
      status: 201,
    })
    expect(entry.body.toString()).toBe(body)
    expect(entry.headers.get('authorization')).toBe(`Bearer ${CLOUD_KEY}`)
    expect(await eventually(() => (entry.ended === 'open' ? undefined : entry.ended), 'an end')).toBe('whole')
    await ask('GET conversations/a%2Fb')
    await ask('GET nothing')
    expect(heard.map(({ path }) => path)).toEqual(['/v1/conversations', '/v1/conversations/a%2Fb', '/v1/nothing'])
    expect([...cloud.counts]).toEqual([
      ['POST conversations', 1],
      ['GET conversations/{id}', 1],
      ['', 1],
    ])
  })

  test('say of an upload that broke off how far it came', async () => {
    const { cloud, heard } = await start()
    const head = 'content-type: multipart/form-data; boundary=b\r\nauthorization: Bearer sk-test\r\n'
    const bytes = `POST /v1/files HTTP/1.1\r\nhost: x\r\n${head}content-length: 9999\r\n\r\n--b\r\n`
    const wire = await rawRequest(cloud.url, bytes)
    const entry = await eventually(() => heard.find(({ bytes }) => bytes === 5), 'the first bytes')
    expect(entry.ended).toBe('open')
    wire.reset()
    await eventually(() => entry.ended === 'cut' || undefined, 'the end')
    expect(entry).toMatchObject({ bytes: 5, sha256: undefined, status: undefined })
    expect(cloud.ids('files')).toEqual([])
  })

  test.each(['{', '[]', 'null', '1'])('do not fail over the body %j', async body => {
    const { ask } = await start()
    for (const line of ['POST conversations', 'POST responses', 'POST chat/completions', 'POST embeddings']) {
      expect((await ask(line, body)).status).toBe(400)
    }
  })
})

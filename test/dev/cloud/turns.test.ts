import { afterEach, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { clouds } from '../../kit/cloud.ts'

const { start, clear } = clouds()

afterEach(clear)

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

describe('a turn', () => {
  test('refuses the next requests to a route, and stores nothing', async () => {
    const { cloud, ask, heard } = await start()
    cloud.next({ on: 'POST conversations', times: 2, status: 503, headers: { 'retry-after': '1' } })
    expect((await ask('GET models')).status).toBe(200)
    for (const status of [503, 503, 201]) {
      const answer = await ask('POST conversations', {})
      expect(answer.status).toBe(status)
      expect(answer.headers.get('retry-after')).toBe(status === 503 ? '1' : null)
    }
    expect(heard[1]).toMatchObject({ status: 503, bytes: 2, sha256: sha256('{}') })
    expect(cloud.ids('conversations')).toHaveLength(1)
  })

  test.each([
    ['before', 0],
    ['after', 1],
  ] as const)('cuts the connection %s the conversation is there', async (cut, count) => {
    const { cloud, ask, heard } = await start()
    cloud.next({ cut })
    expect(await ask('POST conversations', {}).catch(fault => fault.code)).toBe('ECONNRESET')
    expect(cloud.ids('conversations')).toHaveLength(count)
    expect(heard[0]).toMatchObject({ status: undefined, sha256: sha256('{}') })
    expect((await ask('POST conversations', {})).status).toBe(201)
  })

  test('waits before and after the effect', async () => {
    const { cloud, ask } = await start()
    const seen: number[] = []
    const look = async () => seen.push(cloud.ids('conversations').length)
    cloud.next({ before: look, after: look })
    expect((await ask('POST conversations', {})).status).toBe(201)
    expect(seen).toEqual([0, 1])
  })
})

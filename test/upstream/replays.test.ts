import { afterEach, describe, expect, test } from 'bun:test'
import { replays } from '../../src/upstream/replays.ts'
import { clockAt } from '../kit/clock.ts'
import { answerBytes, stages } from '../kit/stage.ts'

const { set, clear } = stages()
afterEach(clear)

const KEY = 'ab'.repeat(32)
const FRAME = `\0\0\0\x11${'x'.repeat(17)}`
const SEALED_OK = answerBytes('200 OK', { 'Ehbp-Response-Nonce': 'cd'.repeat(32) }, 'sealed')
const sealed = (key = KEY) => ({ headers: { 'ehbp-encapsulated-key': key } })

describe('a sealed request', () => {
  test('that was handed over is refused a second time, in whatever case its key is written', async () => {
    const { post, upstream } = await set(SEALED_OK)
    expect((await post(FRAME, sealed())).status).toBe(200)
    const again = await post(FRAME, sealed(KEY.toUpperCase()))
    expect(again.status).toBe(409)
    expect(again.headers.get('x-should-retry')).toBe('false')
    expect(await again.text()).toContain('"replayed_request"')
    expect(upstream.wires).toHaveLength(1)
    expect((await post(FRAME, sealed('cd'.repeat(32)))).status).toBe(200)
  })

  test('sent twice at once is handed over once', async () => {
    const { post } = await set(SEALED_OK)
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(FRAME, sealed())))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)])
  })

  test('may be sent again if the enclave could not open it', async () => {
    const { post } = await set(answerBytes('422 Unprocessable Content', {}, '{}'))
    expect((await post(FRAME, sealed())).status).toBe(422)
    expect((await post(FRAME, sealed())).status).toBe(422)
  })

  test('may be sent again if no enclave was reached, but not if one was and hung up', async () => {
    const away = await set(SEALED_OK, { base: () => 'http://127.0.0.1:1' })
    expect((await away.post(FRAME, sealed())).status).toBe(502)
    expect((await away.post(FRAME, sealed())).status).toBe(502)
    const rude = await set(async wire => {
      await wire.message()
      wire.reset()
    })
    expect((await rude.post(FRAME, sealed())).status).toBe(502)
    expect((await rude.post(FRAME, sealed())).status).toBe(409)
  })
})

describe('the memory of keys', () => {
  test('lasts ten minutes', () => {
    const clock = clockAt()
    const memory = replays(clock.now)
    expect(memory.remember(KEY)).toBe(true)
    clock.pass(599_999)
    expect(memory.remember(KEY)).toBe(false)
    clock.pass(1)
    expect(memory.remember(KEY)).toBe(true)
  })

  test('forgets what it is told to', () => {
    const memory = replays(Date.now)
    memory.remember(KEY)
    memory.forget(KEY)
    expect(memory.remember(KEY)).toBe(true)
  })

  test('holds a million at most, the oldest out first', () => {
    const memory = replays(() => 0)
    for (let at = 0; at <= 1_000_000; at++) memory.remember(String(at))
    expect(memory.remember('1000000')).toBe(false)
    expect(memory.remember('2')).toBe(false)
    expect(memory.remember('0')).toBe(true)
  }, 60_000)
})

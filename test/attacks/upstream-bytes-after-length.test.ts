import { afterEach, describe, expect, test } from 'bun:test'
import { answerBytes, CHUNKED, chunk, MODELS, stages } from '../kit/stage.ts'

const { set, clear } = stages()
afterEach(clear)

const OK = answerBytes('200 OK', {}, 'ok')
const EVIL = answerBytes('200 OK', { 'Content-Type': 'text/evil', 'Ehbp-Response-Nonce': 'ee' }, 'EVIL')
const CHUNKS = `${CHUNKED}${chunk('ok')}0\r\n\r\n`

const endings: Record<string, string> = {
  'a length': OK,
  'a last chunk': CHUNKS,
  'no content': 'HTTP/1.1 204 No Content\r\n\r\n',
  'nothing new': 'HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n',
  'a length of nothing': answerBytes('200 OK', {}, ''),
}
const forged: Record<string, string> = {
  'a whole answer': EVIL,
  'two whole answers': EVIL + EVIL,
  'an answer without framing': 'HTTP/1.1 200 OK\r\n\r\nEVIL',
  'the beginning of an answer': 'HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nEVIL',
  'half a head': 'HTTP/1.1 200 OK\r\nX-Evil: ',
  'an interim answer': 'HTTP/1.1 103 Early Hints\r\nX-Evil: EVIL\r\n\r\n',
  junk: 'EVIL',
}
const delays = { 'at once': 0, 'a moment later': 5, 'while the connection idles': 60 }

/** Sets a stage on which the first answer is followed by a forged one after so long, and asks as four callers. */
async function attack(bytes: string, evil: string, ms: number): Promise<void> {
  let asked = 0
  const { ask, kit } = await set(async wire => {
    for (;;) {
      await wire.message()
      if (asked++ > 0) {
        await wire.send(answerBytes('200 OK', {}, 'mine'))
        continue
      }
      await wire.send(ms === 0 ? bytes + evil : bytes)
      await Bun.sleep(ms)
      if (ms > 0) await wire.send(evil)
    }
  })
  const first = await ask(MODELS, await kit.bearer('ada'))
  await first.seen('HTTP/1.1 ')
  await Bun.sleep(ms * 2 + 20)
  for (const name of ['bob', 'cy', 'dee']) {
    const { head, body } = await (await ask(MODELS, await kit.bearer(name))).message()
    expect(head).toStartWith('HTTP/1.1 200 OK\r\n')
    expect(head.toLowerCase()).not.toMatch(/evil|ehbp-response-nonce/)
    expect(body).toBe('mine')
  }
  expect(first.text).not.toContain('EVIL')
}

describe.each(Object.entries(delays))('what an upstream says unasked, %s,', (_, ms) => {
  test.each(Object.entries(endings))('after %s, is told to no other caller', async (_end, bytes) => {
    const attacks = Object.entries(forged).map(async ([what, evil]) =>
      attack(bytes, evil, ms).then(
        () => [],
        fault => [`${what}: ${fault}`],
      ),
    )
    expect((await Promise.all(attacks)).flat()).toEqual([])
  })
})

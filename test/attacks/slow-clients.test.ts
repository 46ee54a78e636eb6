import { afterAll, describe, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { HOST } from '../kit/attack.ts'
import { startDev, executable as theExecutable } from '../kit/binary.ts'
import { freshDirectory } from '../kit/directory.ts'
import { rawRequest, requestBytes, type Wire } from '../kit/raw.ts'
import { answerBytes, CHAT, CHUNKED, chunk, EMBEDDINGS, eventually, MODELS, stages, unchunk } from '../kit/stage.ts'

// Bun counts idle time in steps of four seconds. All of this waits at once.
const IDLE_SECONDS = 2
const SILENCE_MS = 9000
const PATIENCE_MS = 40_000

const { set, clear } = stages()
const home = freshDirectory()
const executable = await startDev(await theExecutable(), { cwd: home })
await executable.says(/keys_loaded/)
afterAll(async () => {
  executable.signal('SIGKILL')
  await executable.exited
  await clear()
  rmSync(home, { recursive: true })
})

const BIG = 6_000_000
const stage = await set(
  async wire => {
    for (;;) {
      const { head } = await wire.message()
      if (head.includes('?quiet ')) {
        await wire.send(CHUNKED + chunk('before '))
        await Bun.sleep(SILENCE_MS)
        await wire.send(`${chunk('after')}0\r\n\r\n`)
      } else if (head.includes('?late ')) {
        await Bun.sleep(SILENCE_MS)
        await wire.send(answerBytes('200 OK', {}, 'late'))
      } else if (head.includes('?stream ')) await wire.send(`${CHUNKED}${chunk('streamed')}0\r\n\r\n`)
      else if (head.includes('?big ')) await wire.send(answerBytes('200 OK', {}, 'x'.repeat(BIG)))
      else if (head.startsWith('HEAD ')) await wire.send(answerBytes('200 OK', {}))
      else await wire.send(answerBytes('200 OK', {}, '{}'))
    }
  },
  { idleSeconds: IDLE_SECONDS, patience: { bodyMs: 1000 } },
)

/** Milliseconds until the server hung up, meanwhile sending a little every now and then. */
async function lasts(wire: Wire, { sending = '', everyMs = 500 } = {}): Promise<number> {
  const start = performance.now()
  while (wire.ended === 'open' && performance.now() - start < 20_000) {
    await Bun.sleep(everyMs)
    if (sending) await wire.send(sending)
  }
  return wire.ended === 'open' ? Number.POSITIVE_INFINITY : wire.endedAt - start
}

/** The moments of others, one after the other, while the slow ones are there: the slowest in milliseconds. */
async function others(url: string, during: Promise<unknown>): Promise<number> {
  let going = true
  let slowest = 0
  void during.finally(() => {
    going = false
  })
  while (going) {
    const start = performance.now()
    expect((await fetch(`${url}/health`)).status).toBe(200)
    slowest = Math.max(slowest, performance.now() - start)
    await Bun.sleep(100)
  }
  return slowest
}

/** What the upstream heard of the requests with this mark, and how each connection ended. */
const upstreamOf = (mark: string) =>
  stage.upstream.wires.filter(({ text }) => text.includes(`?${mark} `)).map(({ text, ended }) => ({ text, ended }))

describe.concurrent('a client', () => {
  test(
    'that trickles its headers is closed within 15 s, fifty of them, and others are unhurt',
    async () => {
      const begun = ['', 'G', `GET /health HTTP/1.1\r\n${HOST}X: `, `${CHAT} HTTP/1.1\r\nHost:`, 'GET /']
      const slow = Array.from({ length: 50 }, async (_, i) => {
        const wire = await rawRequest(executable.url, begun[i % begun.length] ?? '')
        return lasts(wire, i % 2 ? { sending: 'a', everyMs: 100 + 40 * i } : {})
      })
      const all = Promise.all(slow)
      expect(await others(executable.url, all)).toBeLessThan(1000)
      expect(Math.max(...(await all))).toBeLessThan(15_000)
    },
    PATIENCE_MS,
  )

  test(
    'that trickles them behind an answer is closed within 15 s as well',
    async () => {
      const { authorization } = executable
      const first = [
        requestBytes('GET /health', {}),
        requestBytes('GET /nowhere', {}),
        requestBytes(MODELS, { authorization }),
        requestBytes('HEAD /v1/models', { authorization }),
        requestBytes(MODELS, {}),
        requestBytes(CHAT, { 'content-length': '500000' }, 'a body behind a 401'),
      ]
      const slow = first.map(async bytes => {
        const wire = await rawRequest(executable.url, bytes)
        await wire.seen('\r\n\r\n')
        return lasts(wire, { sending: 'G' })
      })
      expect(Math.max(...(await Promise.all(slow)))).toBeLessThan(15_000)
    },
    PATIENCE_MS,
  )

  test.each([
    ['with a small length', { 'content-length': '500' }, 'a few'],
    ['with a great length', { 'content-length': '500000' }, 'a few'],
    ['in chunks', { 'transfer-encoding': 'chunked' }, '5\r\na few\r\n'],
  ])(
    'that stops within its body is told so and closed, fifty of them, %s',
    async (name, headers, begun) => {
      const mark = name.replaceAll(' ', '-')
      const slow = Array.from({ length: 50 }, async () => {
        const wire = await stage.ask(`${EMBEDDINGS}?${mark}`, headers, begun)
        const ms = await lasts(wire)
        expect(wire.text).toStartWith('HTTP/1.1 408 ')
        expect(wire.text).toContain('"code":"request_stalled"')
        expect(wire.text.toLowerCase()).toContain('\r\nconnection: close\r\n')
        return ms
      })
      const all = Promise.all(slow)
      expect(await others(stage.kit.url, all)).toBeLessThan(1000)
      expect(Math.max(...(await all))).toBeLessThan(3500)
      const heard = await eventually(() => {
        const wires = upstreamOf(mark)
        return wires.every(({ ended }) => ended !== 'open') && wires
      }, 'the upstream to be hung up on')
      expect(heard.filter(({ text }) => text.endsWith('0\r\n\r\n'))).toEqual([])
    },
    PATIENCE_MS,
  )

  test(
    'whose body comes on, however slowly, is heard to the end',
    async () => {
      const wire = await stage.ask(`${EMBEDDINGS}?slowly`, { 'transfer-encoding': 'chunked' })
      for (const letter of 'slow!') {
        await wire.send(chunk(letter))
        await Bun.sleep(600)
      }
      await wire.send('0\r\n\r\n')
      expect((await wire.message()).head).toStartWith('HTTP/1.1 200 ')
    },
    PATIENCE_MS,
  )

  test(
    'that waits is not cut by the idle time: before the headers, and between two bytes',
    async () => {
      const [quiet, late] = await Promise.all([stage.ask(`${MODELS}?quiet`), stage.ask(`${MODELS}?late`)])
      await Bun.sleep(SILENCE_MS)
      expect(unchunk((await quiet.message()).body)).toEqual({ text: 'before after', whole: true })
      expect((await late.message()).body).toBe('late')
    },
    PATIENCE_MS,
  )

  test(
    'that reads nothing for a while still gets all of it',
    async () => {
      const wire = await stage.ask(`${MODELS}?big`)
      wire.pause()
      await Bun.sleep(SILENCE_MS)
      wire.resume()
      await eventually(() => wire.size > BIG || wire.ended !== 'open')
      const { text, whole } = unchunk((await wire.message()).body)
      expect([text.length, whole]).toEqual([BIG, true])
    },
    PATIENCE_MS,
  )

  test(
    'that stays after an answer is closed after the idle time, whatever the answer was',
    async () => {
      const answers = {
        plain: 'GET /health',
        streamed: `${MODELS}?stream`,
        sized: MODELS,
        head: 'HEAD /v1/models',
        posted: CHAT,
        refused: 'GET //health',
        unknown: 'GET /nowhere',
        wrong: 'DELETE /v1/models',
      }
      const asked = Object.entries(answers).map(async ([name, line]) => {
        const wire = await stage.ask(line, line === CHAT ? { 'content-length': '2' } : {}, line === CHAT ? '{}' : '')
        await wire.seen('\r\n\r\n')
        return [name, (await lasts(wire)) < 4000 * 2 + 500] as const
      })
      const unsigned = rawRequest(stage.kit.url, requestBytes(MODELS, {})).then(lasts)
      expect(Object.fromEntries(await Promise.all(asked))).toEqual(
        Object.fromEntries(Object.keys(answers).map(name => [name, true])),
      )
      expect(await unsigned).toBeLessThan(8500)
    },
    PATIENCE_MS,
  )

  test(
    'that is refused by a dead upstream is closed after the idle time',
    async () => {
      const { kit } = await set(wire => wire.reset(), { idleSeconds: IDLE_SECONDS })
      const wire = await rawRequest(kit.url, requestBytes(MODELS, await kit.bearer()))
      await wire.seen('HTTP/1.1 502 ')
      expect(await lasts(wire)).toBeLessThan(8500)
    },
    PATIENCE_MS,
  )
})

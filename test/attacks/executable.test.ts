import { afterAll, expect, test } from 'bun:test'
import { readFileSync, rmSync } from 'node:fs'
import { HOST, hurl } from '../kit/attack.ts'
import { executable, startDev } from '../kit/binary.ts'
import { freshDirectory } from '../kit/directory.ts'
import { rawRequest } from '../kit/raw.ts'
import { chunk } from '../kit/stage.ts'

// The dearest of the attacks beside this page, once more against what is shipped: its server has settings of its own.
const home = freshDirectory()
const { url, authorization, ...gateway } = await startDev(await executable(), { cwd: home })
await gateway.says(/keys_loaded/)
afterAll(async () => {
  gateway.signal('SIGKILL')
  await gateway.exited
  rmSync(home, { recursive: true })
})

const signed = `Authorization: ${authorization}\r\n`
const behind = `GET /v1/models HTTP/1.1\r\n${HOST}${signed}\r\n`
const post = `POST /v1/embeddings HTTP/1.1\r\n${HOST}${signed}`

test.each<[string, string, readonly number[]]>([
  ['a good request', behind, [200]],
  ['a short host', `GET /xx/v1/models HTTP/1.1\r\nHost: a\r\n${signed}\r\n`, [404]],
  ['a short host without a token', 'GET /xx/v1/models HTTP/1.1\r\nHost: a\r\n\r\n', [404]],
  ['two hosts', `GET /v1/models HTTP/1.1\r\n${HOST}${HOST}${signed}\r\n`, [400]],
  ['a host with a path', `GET /v1/models HTTP/1.1\r\nHost: a/health?\r\n${signed}\r\n`, [400]],
  ['no host', `GET /v1/models HTTP/1.0\r\n${signed}\r\n`, [400]],
  ['another host’s target', `GET http://evil.test/v1/models HTTP/1.1\r\n${HOST}\r\n`, [401]],
  ['two slashes', `GET //v1/models HTTP/1.1\r\n${HOST}${signed}\r\n`, [400]],
  ['an escaped slash', `GET /v1%2fmodels HTTP/1.1\r\n${HOST}${signed}\r\n`, [400]],
  ['a parameter in the path', `GET /v1/models;a HTTP/1.1\r\n${HOST}${signed}\r\n`, [400]],
  ['steps up the path', `GET /health/../v1/models HTTP/1.1\r\n${HOST}\r\n`, [401]],
  ['two tokens', `GET /v1/models HTTP/1.1\r\n${HOST}${signed}${signed}\r\n`, [401]],
  ['TRACE', `TRACE /v1/models HTTP/1.1\r\n${HOST}${signed}\r\n`, [405]],
  ['a length and chunks', `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${behind}`, [400]],
  ['two equal lengths', `${post}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}${behind}`, [400]],
  ['an unknown coding', `${post}Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}${behind}`, [400]],
  ['a folded line', `${post}X: a\r\n Content-Length: 2\r\n\r\n{}${behind}`, [400]],
  ['headers of 20 KB', `GET /v1/models HTTP/1.1\r\n${HOST}${signed}X: ${'a'.repeat(20_000)}\r\n\r\n`, [431]],
])('the executable is told %s', async (_, bytes, statuses) => {
  expect((await hurl(url, bytes, 50)).statuses).toEqual([...statuses])
})

test('an error of the executable is no page of Bun’s', async () => {
  for (const bytes of [`GET /%zz HTTP/1.1\r\n${HOST}\r\n`, `GET /v1/models HTTP/1.1\r\nHost: a@b\r\n\r\n`]) {
    const { text } = await hurl(url, bytes)
    expect(text).not.toMatch(/<html|bun|stack/i)
  }
})

test('the executable refuses a body by its length in its own words, however long', async () => {
  for (const length of [68_157_441, Number.MAX_SAFE_INTEGER]) {
    const { statuses, text } = await hurl(url, `${post}Content-Length: ${length}\r\n\r\n{}`)
    expect(statuses).toEqual([413])
    expect(text).toContain('"code":"body_too_large"')
  }
})

test.each([
  ['in chunks', 'Transfer-Encoding: chunked', (block: string) => chunk(block)],
  ['by length', 'Content-Length: 150000000', (block: string) => block],
])('the executable drops what nobody reads, %s, as it comes', async (_, header, framed) => {
  const size = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))?.[1]) * 1024
  const before = size()
  const piece = framed('x'.repeat(1_000_000))
  const client = await rawRequest(url, `POST /v1/chat/completions HTTP/1.1\r\n${HOST}${header}\r\n\r\n`)
  for (let sent = 0; sent < 149; sent++) await client.send(piece)
  await client.seen('HTTP/1.1 401 ')
  expect(size() - before).toBeLessThan(75e6)
  expect(client.ended).toBe('open')
  client.reset()
})

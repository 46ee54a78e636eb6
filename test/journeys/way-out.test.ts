import { afterAll, afterEach, expect, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Egress } from '../../src/upstream/egress.ts'
import { rootsIn } from '../../src/upstream/roots.ts'
import { forOther, ROOT } from '../kit/certificates.ts'
import { connectProxy } from '../kit/connect-proxy.ts'
import { freshDirectory } from '../kit/directory.ts'
import { rawUpstream } from '../kit/raw.ts'
import { answerBytes, CHUNKED, chunk, EMBEDDINGS, MODELS, stages, unchunk } from '../kit/stage.ts'
import { terminate } from '../kit/terminator.ts'

const { set, also, clear } = stages()
afterEach(clear)
const directory = freshDirectory()
afterAll(() => rmSync(directory, { recursive: true }))
const file = join(directory, 'root.pem')
writeFileSync(file, ROOT)
const roots = rootsIn(file)
const PASSWORD = 'hunter2'
const UNVERIFIED = { fault: expect.stringContaining('/UNABLE_TO_VERIFY_LEAF_SIGNATURE@') }

/** A gateway whose upstream, with a certificate by a private root, is behind a proxy. */
async function behindProxy(change: (egress: Egress) => Egress = egress => egress) {
  const upstream = also(
    await rawUpstream(async wire => {
      for (;;) {
        const { head } = await wire.message()
        if (head.startsWith('GET')) await wire.send(answerBytes('200 OK', {}, '{"data":[]}'))
        else {
          await wire.send(CHUNKED + chunk('data: 1\n\n'))
          await Bun.sleep(20)
          await wire.send(`${chunk('data: [DONE]\n\n')}0\r\n\r\n`)
        }
      }
    }),
  )
  const target = also(await terminate(upstream.url, forOther))
  const proxy = also(await connectProxy(target.url))
  const egress = change({ roots, proxy: new URL(proxy.url.replace('//', `//ada:${PASSWORD}@`)) })
  return { proxy, target, ...(await set('', { base: () => 'https://other.example', egress })) }
}

test('an answer streams through a proxy, from a server that a private root names', async () => {
  const { ask, proxy, target, kit } = await behindProxy()
  const { head, body } = await (await ask(EMBEDDINGS, { 'content-length': '12' }, '{"input":""}')).message()
  expect(head).toStartWith('HTTP/1.1 200 ')
  expect(unchunk(body)).toEqual({ text: 'data: 1\n\ndata: [DONE]\n\n', whole: true })
  expect((await fetch(`${kit.url}/.well-known/hpke-keys`)).status).toBe(200)
  expect(target.asked()).toEqual(['POST /v1/embeddings', 'GET /.well-known/hpke-keys'])
  expect(proxy.heads.length).toBe(2)
})

test('a root that nobody named is a 502', async () => {
  const { ask, kit, logged, target } = await behindProxy(({ proxy }) => ({ proxy }))
  const { head, body } = await (await ask(MODELS)).message()
  expect(head).toStartWith('HTTP/1.1 502 ')
  expect(body).toContain('The upstream could not be reached.')
  expect((await fetch(`${kit.url}/.well-known/hpke-keys`)).status).toBe(502)
  expect(await logged('request', 2)).toMatchObject([UNVERIFIED, UNVERIFIED])
  expect(target.heard()).toBe('')
})

test('a proxy that goes is a 502 that names it, until it is back; its password is told nobody', async () => {
  const { get, ask, kit, proxy, target, logged } = await behindProxy()
  expect((await get()).status).toBe(200)
  await proxy.stop()
  const { head, body } = await (await ask(MODELS)).message()
  expect(head).toStartWith('HTTP/1.1 502 ')
  expect(body).toContain('The proxy on the way could not be reached.')
  const keys = await fetch(`${kit.url}/.well-known/hpke-keys`)
  expect([keys.status, await keys.text()]).toEqual([502, expect.stringContaining('The proxy on the way')])
  const [, ...lost] = await logged('request', 3)
  for (const line of lost)
    expect(line).toMatchObject({
      code: 'upstream_unreachable',
      fault: expect.stringMatching(/^ProxyFault\/unreachable/),
    })
  also(await connectProxy(target.url, { port: Number(new URL(proxy.url).port) }))
  expect((await get()).status).toBe(200)
  expect(kit.lines.join('') + body).not.toContain(PASSWORD)
})

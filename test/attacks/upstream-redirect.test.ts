import { afterEach, describe, expect, test } from 'bun:test'
import { UPSTREAM_KEY } from '../kit/gateway.ts'
import { rawUpstream, type Wire } from '../kit/raw.ts'
import { answerBytes, CHAT, MODELS, stages } from '../kit/stage.ts'

const { set, also, clear } = stages()
afterEach(clear)

const ways = (url: string): Record<string, string> => ({
  Location: `${url}/v1/models`,
  'Content-Location': `${url}/v1/models`,
  Refresh: `0; url=${url}/v1/models`,
  Link: `<${url}/v1/models>; rel=canonical`,
  'Alt-Svc': `http/1.1="${new URL(url).host}"; ma=86400`,
})

describe('an upstream that sends elsewhere', () => {
  const codes = ['201 Created', '300 Multiple Choices', '301 Moved', '302 Found', '303 See Other', '307 T', '308 P']
  test.each([...codes, '305 Use Proxy', '401 Unauthorized', '407 Proxy Authentication Required', '421 Misdirected'])(
    'by %s is not followed: nobody there hears our key or the caller, and the way is told to nobody',
    async status => {
      const elsewhere = also(await rawUpstream(answerBytes('200 OK', {}, 'EVIL')))
      const { ask, kit } = await set(answerBytes(status, ways(elsewhere.url), 'moved'))
      for (const line of [MODELS, CHAT]) {
        const { head, body } = await (await ask(line, { 'Content-Length': '2' }, '{}')).message()
        expect(head).not.toContain(String(elsewhere.port))
        expect(body).toBe('moved')
      }
      await fetch(`${kit.url}/.well-known/hpke-keys`)
      await (await ask(MODELS)).message()
      await Bun.sleep(20)
      expect(elsewhere.wires).toBeEmpty()
    },
  )
})

describe('our key', () => {
  test('is not told to the caller, the log, the issuer or whoever asks for the HPKE key', async () => {
    const issuer = also(await rawUpstream(answerBytes('200 OK', { 'Content-Type': 'application/json' }, '{"keys":[]}')))
    const echo = async (wire: Wire) => {
      for (;;) {
        const { head } = await wire.message()
        await wire.send(answerBytes('200 OK', {}, /hpke-keys/.test(head) ? head : 'ok'))
      }
    }
    const { kit, ask, upstream } = await set(echo)
    const keys = await (await fetch(`${kit.url}/.well-known/hpke-keys`)).text()
    expect(keys).toContain('GET /.well-known/hpke-keys HTTP/1.1')
    expect(keys.toLowerCase()).not.toContain('authorization')
    const { head, body } = await (await ask(MODELS)).message()
    expect(upstream.wires.map(wire => wire.text).join('')).toContain(UPSTREAM_KEY)
    for (const text of [keys, head, body, kit.lines.join('')]) expect(text).not.toContain(UPSTREAM_KEY)

    const other = await set('', { jwksUrl: `${issuer.url}/jwks.json` })
    await other.get()
    expect(issuer.wires).not.toBeEmpty()
    for (const wire of issuer.wires) expect(wire.text.toLowerCase()).not.toMatch(/authorization|tk-upstream/)
  })

  test('goes to the upstream that is configured, whatever host, target or forwarding header the caller names', async () => {
    const elsewhere = also(await rawUpstream(answerBytes('200 OK', {}, 'EVIL')))
    const host = `127.0.0.1:${elsewhere.port}`
    const { kit, ask, upstream } = await set(answerBytes('200 OK', {}, 'ok'))
    const bearer = await kit.bearer()
    const named = { 'X-Forwarded-Host': host, Forwarded: `host=${host}`, 'X-Original-Url': elsewhere.url, Via: host }
    for (const line of [MODELS, `${MODELS}?url=${elsewhere.url}`, `GET ${elsewhere.url}/v1/models`]) {
      const client = await ask(line, { ...bearer, ...named })
      await client.seen('\r\n\r\n')
      client.reset()
    }
    expect(elsewhere.wires).toBeEmpty()
    expect(upstream.wires).not.toBeEmpty()
  })
})

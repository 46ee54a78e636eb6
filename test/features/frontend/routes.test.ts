import { afterEach, describe, expect, test } from 'bun:test'
import { loadSite } from '../../../src/features/frontend/site.ts'
import { type Kit, type KitOptions, startGateway } from '../../kit/gateway.ts'
import { builtSpa } from '../../kit/spa.ts'
import { standInTee } from '../../kit/tee.ts'

let kit: Kit | undefined
afterEach(() => kit?.stop())

const started = async (options: Partial<KitOptions> = {}) => {
  kit = await startGateway({ upstream: 'http://127.0.0.1:1', ...options })
  return kit
}
const page = async (options: Partial<KitOptions> = {}) => fetch((await started(options)).url)

describe('without a front end there is a page', () => {
  test('that says what answers, in which version, and where to go on', async () => {
    const answer = await page({ tee: standInTee().tee })
    const text = await answer.text()
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(text).toContain('<h1>sealgate <small>0.0.0-test</small></h1>')
    expect([...text.matchAll(/<a href="([^"]+)"/g)].map(([, to]) => to)).toEqual([
      '/docs',
      '/v1/attestation/report',
      '/health',
    ])
    for (const [, to = ''] of text.matchAll(/<a href="([^"]+)"/g))
      expect((await fetch(`${kit?.url}${to}`)).status).toBe(200)
  })

  test('that leads to nothing which is not there', async () => {
    const text = await (await page({ docs: false })).text()
    expect([...text.matchAll(/<a href="([^"]+)"/g)].map(([, to]) => to)).toEqual(['/health'])
    expect(text).toContain('no report')
  })

  test('that runs no script, loads nothing, and lies in no frame', async () => {
    const { headers } = await page()
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/]{43}='; img-src data:;/)
    expect(policy).toEndWith("frame-ancestors 'none'")
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('cache-control')).toBe('no-store')
  })

  test('and no other: an unknown path is a 404', async () => {
    const { url } = await started()
    expect((await fetch(`${url}/chats/42`)).status).toBe(404)
    expect((await fetch(url, { method: 'POST' })).headers.get('allow')).toBe('GET, HEAD')
  })
})

test('where browsers come by https they are told to stay with it', async () => {
  for (const site of [undefined, loadSite(builtSpa())]) {
    const answer = await page({ frontend: { isSecure: true, site } })
    expect(answer.headers.get('strict-transport-security')).toBe('max-age=31536000')
    await kit?.stop()
  }
})

test.each([
  ["script-src 'self' 'unsafe-inline'", "script-src 'self' 'unsafe-inline'; frame-ancestors 'none'"],
  ["default-src 'self';Frame-Ancestors https://a.example", "default-src 'self';Frame-Ancestors https://a.example"],
  ['report-uri /x-frame-ancestors', "report-uri /x-frame-ancestors; frame-ancestors 'none'"],
])('the policy %s is the operator’s, but for frames where it says nothing of them', async (policy, sent) => {
  const answer = await page({ frontend: { policy, site: loadSite(builtSpa()) } })
  expect(answer.headers.get('content-security-policy')).toBe(sent)
})

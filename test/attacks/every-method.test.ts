import { afterAll, describe, expect, test } from 'bun:test'
import { INFERENCE } from '../../src/protocol/routes.ts'
import { HOST, hurl, target } from '../kit/attack.ts'
import { standInProvider } from '../kit/sign-in.ts'
import { eventually } from '../kit/stage.ts'

const at = await target({ mockLogin: true, isCloud: true, signIn: () => ({ providers: [standInProvider()] }) })
await eventually(() => at.kit.lines.some(line => line.includes('keys_loaded')))
afterAll(() => at.stop())

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  '/': ['GET', 'HEAD'],
  '/health': ['GET', 'HEAD'],
  '/readyz': ['GET', 'HEAD'],
  '/.well-known/hpke-keys': ['GET', 'HEAD'],
  '/attestation': ['GET', 'HEAD'],
  '/docs': ['GET', 'HEAD'],
  '/docs/start.js': ['GET', 'HEAD'],
  '/docs/swagger-ui-bundle.js': ['GET', 'HEAD'],
  '/docs/swagger-ui.css': ['GET', 'HEAD'],
  '/api/docs': ['GET', 'HEAD'],
  '/api-docs/openapi.json': ['GET', 'HEAD'],
  '/v1/attestation/report': ['GET', 'HEAD'],
  '/v1/models': ['GET', 'HEAD'],
  '/v1/cache-secret': ['GET', 'HEAD'],
  '/v1/usage': ['GET', 'HEAD'],
  '/v1/auth/providers': ['GET', 'HEAD'],
  '/v1/auth/google': ['GET', 'HEAD'],
  '/v1/auth/callback': ['GET', 'HEAD'],
  '/v1/auth/token': ['POST'],
  '/v1/model/list': ['GET', 'HEAD'],
  '/v1/receipts/:id': ['GET', 'HEAD'],
  '/v1/signature/:chat_id': ['GET', 'HEAD'],
  '/v1/conversations': ['GET', 'HEAD', 'POST'],
  '/v1/conversations/:id': ['DELETE', 'GET', 'HEAD', 'POST'],
  '/v1/conversations/:id/clone': ['POST'],
  '/v1/conversations/:id/items': ['GET', 'HEAD', 'POST'],
  '/v1/conversations/:id/items/:item': ['DELETE', 'GET', 'HEAD'],
  '/v1/conversations/:id/pin': ['DELETE', 'POST'],
  '/v1/conversations/:id/archive': ['DELETE', 'POST'],
  '/v1/files': ['GET', 'HEAD', 'POST'],
  '/v1/files/:id': ['DELETE', 'GET', 'HEAD'],
  '/v1/files/:id/content': ['GET', 'HEAD'],
  '/v1/admin/analytics': ['GET', 'HEAD'],
  '/v1/admin/analytics/top-users': ['GET', 'HEAD'],
  '/v1/admin/analytics/series': ['GET', 'HEAD'],
  '/v1/admin/models': ['GET', 'HEAD', 'PATCH'],
  '/v1/admin/models/*': ['DELETE'],
  '/v1/admin/users': ['GET', 'HEAD'],
  '/v1/admin/users/:id': ['GET', 'HEAD'],
  '/v1/admin/users/:id/activity': ['GET', 'HEAD'],
  '/v1/admin/users/:id/sessions': ['DELETE'],
  '/v1/admin/configs': ['GET', 'HEAD', 'PATCH'],
  '/v1/admin/audit': ['GET', 'HEAD'],
  '/v1/admin/vpc/revoke': ['POST'],
  '/v1/configs': ['GET', 'HEAD'],
  '/v1/admin/owners/:owner/ban': ['DELETE', 'GET', 'HEAD', 'POST'],
  '/v1/auth/logout': ['POST'],
  '/v1/auth/mock-login': ['POST'],
  '/v1/users/me': ['DELETE', 'GET', 'HEAD'],
  '/v1/users/me/settings': ['GET', 'HEAD', 'PATCH', 'POST'],
  '/v1/users/me/export': ['GET', 'HEAD'],
  '/v1/users/me/sessions': ['DELETE', 'GET', 'HEAD'],
  '/v1/users/me/sessions/:id': ['DELETE'],
  '/v1/users/me/keys': ['GET', 'HEAD', 'POST'],
  '/v1/users/me/keys/:id': ['DELETE'],
  '/v1/responses/:id': ['DELETE', 'GET', 'HEAD'],
  '/v1/responses/:id/cancel': ['POST'],
  '/v1/responses/:id/input_items': ['GET', 'HEAD'],
  ...Object.fromEntries(INFERENCE.filter(({ method }) => method === 'POST').map(({ path }) => [path, ['POST']])),
  // By other methods it is an id, and nobody's.
  '/v1/responses/input_tokens': ['DELETE', 'GET', 'HEAD', 'POST'],
}
const UUID = /\r\nx-request-id: [\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\r\n/i

/** What public routes say to a request that brings nothing. */
const OPEN: Readonly<Record<string, number>> = {
  '/v1/auth/providers': 200,
  '/v1/auth/google': 400,
  '/v1/auth/callback': 401,
  '/v1/auth/token': 400,
  // It is in no TEE.
  '/v1/attestation/report': 503,
}

/** What a request by no method but an allowed one gets, with a JWT or without. */
function statusOf(path: string, signed: boolean, method: string): number {
  if (OPEN[path] !== undefined) return OPEN[path]
  // The host is not a name of this machine.
  if (path === '/v1/auth/mock-login') return 404
  if (path.startsWith('/v1/') && !signed) return 401
  // The upstream lists nothing, and makes nothing that has an id.
  if (path === '/v1/models') return 502
  if (path === '/v1/conversations' && method === 'POST') return 502
  // It is no form.
  if (path === '/v1/files' && method === 'POST') return 400
  // Nobody owns anything.
  if (path === '/v1/responses/input_tokens' && method === 'POST') return 200
  if (/^\/v1\/(?:conversations|responses|files|receipts|signature)\//.test(path)) return 404
  return /^\/v1\/(?:users|auth|admin)\//.test(path) ? 403 : 200
}

const framed = (method: string) => (method === 'POST' ? 'Content-Length: 2\r\n\r\n{}' : '\r\n')

/** What every answer of ours has, whatever it says. */
function expectOurs(text: string, method: string, status: number) {
  const [head = '', body = ''] = `${text}`.split(/\r\n\r\n(.*)/s)
  expect(head.match(/\r\nx-protocol-version: 1/gi)).toHaveLength(1)
  expect(`${head}\r\n`).toMatch(UUID)
  if (method === 'HEAD') expect(body).toBe('')
  else if (status >= 400) {
    expect(head).toMatch(/\r\ncontent-type: application\/json/i)
    expect(JSON.parse(body)).toEqual({
      error: { message: expect.any(String), type: expect.any(String), param: null, code: expect.any(String) },
    })
  }
}

test('this page knows every route', () => {
  expect([...new Set(at.kit.routes.map(({ path }) => path))].sort()).toEqual(Object.keys(ALLOWED).sort())
})

describe.each(Object.entries(ALLOWED))('%s', (path, allowed) => {
  test.each(METHODS)('answers %s', async method => {
    for (const signed of ['', at.signed]) {
      const { statuses, text } = await hurl(at.url, `${method} ${path} HTTP/1.1\r\n${HOST}${signed}${framed(method)}`)
      const status = allowed.includes(method) ? statusOf(path, signed !== '', method) : 405
      expect(statuses).toEqual([status])
      expectOurs(text, method, status)
      const allow = /\r\nallow: (.*)\r\n/i.exec(text)?.[1]
      expect(allow).toBe(status === 405 ? allowed.join(', ') : undefined)
    }
  })
})

describe.each([
  ['/nowhere', 404],
  ['//v1/models', 400],
])('%s', (path, status) => {
  test.each(METHODS)('answers %s', async method => {
    const { statuses, text } = await hurl(at.url, `${method} ${path} HTTP/1.1\r\n${HOST}${at.signed}\r\n`)
    expect(statuses).toEqual([status])
    expectOurs(text, method, status)
  })
})

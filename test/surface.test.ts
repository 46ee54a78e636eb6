import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { methodsAt } from '../src/gate/routing.ts'
import { countingUpstream } from './kit/counting.ts'
import { type Kit, startGateway } from './kit/gateway.ts'
import { standInProvider } from './kit/sign-in.ts'

/** Every route that answers without a token. A new line here is a decision: nothing else is open. */
const PUBLIC = [
  'GET /',
  'GET /.well-known/hpke-keys',
  'GET /api-docs/openapi.json',
  'GET /api/docs',
  'GET /attestation',
  'GET /docs',
  'GET /docs/start.js',
  'GET /docs/swagger-ui-bundle.js',
  'GET /docs/swagger-ui.css',
  'GET /health',
  'GET /readyz',
  'GET /v1/attestation/report',
  // Signing in: the way to a provider and back, and what a frontend exchanges its code at.
  'GET /v1/auth/callback',
  'GET /v1/auth/google',
  'GET /v1/auth/providers',
  'POST /v1/auth/token',
  // In dev mode, for this machine alone.
  'POST /v1/auth/mock-login',
]

const upstream = countingUpstream()
let kit: Kit
beforeAll(async () => {
  const signIn = () => ({ providers: [standInProvider()] })
  kit = await startGateway({ upstream: upstream.url, cloud: upstream.url, rpm: 60, mockLogin: true, signIn })
})
afterAll(async () => {
  await kit.stop()
  await upstream.stop()
})

/** A path that fits a route's template. */
const pathOf = (template: string) => template.replaceAll(/:\w+/g, 'x').replaceAll('*', 'x')
const named = () => kit.routes.map(({ method, path }) => `${method} ${path}`)

describe('the surface', () => {
  test('has every route of the written list', () => {
    expect(named()).toEqual(expect.arrayContaining(PUBLIC))
  })

  test('has no sign-in by mere word outside dev mode', async () => {
    const real = await startGateway({ upstream: upstream.url })
    expect(real.routes.map(({ path }) => path)).not.toContain('/v1/auth/mock-login')
    const body = JSON.stringify({ email: 'ada@example.com' })
    const answer = await fetch(`${real.url}/v1/auth/mock-login`, { method: 'POST', body })
    const nowhere = await fetch(`${real.url}/v1/auth/nowhere`, { method: 'POST', body })
    expect([answer.status, await answer.text()]).toEqual([404, await nowhere.text()])
    await real.stop()
  })

  test('has the inference routes', () => {
    expect(named()).toEqual(expect.arrayContaining(['GET /v1/models', 'HEAD /v1/models', 'POST /v1/chat/completions']))
  })

  test('answers nothing else without a token, and asks the upstream nothing', async () => {
    const guarded = kit.routes.filter(({ method, path }) => !PUBLIC.includes(`${method} ${path}`))
    expect(guarded.length).toBeGreaterThan(0)
    upstream.requests.length = 0
    for (const { method, path } of guarded) {
      const body = method === 'GET' || method === 'HEAD' ? null : '{}'
      const answer = await fetch(kit.url + pathOf(path), { method, body })
      expect([method, path, answer.status]).toEqual([method, path, 401])
      expect(answer.headers.get('www-authenticate')).toBe('Bearer')
    }
    expect(upstream.requests).toHaveLength(0)
  })

  test('answers what is public without a token', async () => {
    for (const route of PUBLIC) {
      const [method = '', path = ''] = route.split(' ')
      const answer = await fetch(kit.url + path, { method })
      // The way back refuses whoever did not go there; it asks for no token either.
      const isAsked = answer.status === 401 ? answer.headers.has('www-authenticate') : answer.status === 403
      expect([route, isAsked]).toEqual([route, false])
    }
  })

  test('asks the upstream for its keys without ours', async () => {
    const fresh = await startGateway({ upstream: upstream.url })
    upstream.requests.length = 0
    await fetch(`${fresh.url}/.well-known/hpke-keys`)
    await fresh.stop()
    expect(upstream.requests.map(({ url }) => new URL(url).pathname)).toEqual(['/.well-known/hpke-keys'])
    expect(upstream.requests.map(({ headers }) => headers.get('authorization'))).toEqual([null])
  })

  test('has no method on any path but the ones it names', async () => {
    for (const path of new Set(kit.routes.map(route => route.path))) {
      const open = new Set(methodsAt(pathOf(path), kit.routes))
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].filter(
        name => !open.has(name),
      )) {
        const answer = await fetch(kit.url + pathOf(path), { method })
        expect([method, path, answer.status]).toEqual([method, path, 405])
        expect(answer.headers.get('allow')?.split(', ')).toEqual([...open].sort())
      }
    }
  })
})

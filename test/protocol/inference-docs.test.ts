import { afterAll, beforeAll, expect, test } from 'bun:test'
import { INFERENCE } from '../../src/protocol/routes.ts'
import { clouds } from '../kit/cloud.ts'
import { CLOUD_KEY, type Kit, startGateway } from '../kit/gateway.ts'

type Responses = Readonly<Record<string, { description: string }>>

const { start, clear } = clouds()
let kit: Kit
let paths: Record<string, Record<string, { responses: Responses }>>
beforeAll(async () => {
  const { cloud } = await start({ key: CLOUD_KEY })
  kit = await startGateway({ upstream: 'http://127.0.0.1:1', isSealing: false, cloud: new URL(cloud.url).origin })
  const document = await fetch(`${kit.url}/api-docs/openapi.json`)
  paths = ((await document.json()) as { paths: typeof paths }).paths
})
afterAll(async () => {
  await kit.stop()
  await clear()
})

const POSTED = INFERENCE.filter(({ method }) => method === 'POST')
const READ = POSTED.filter(route => !('form' in route)).map(({ path }) => path)
const REFUSED: readonly (readonly [string, readonly string[], RequestInit])[] = [
  ['sealed_body_refused', POSTED.map(({ path }) => path), { headers: { 'ehbp-encapsulated-key': '0f'.repeat(32) } }],
  [
    'enclave_not_allowed',
    POSTED.map(({ path }) => path),
    { headers: { 'x-tinfoil-enclave-url': 'https://a.example' } },
  ],
  ['malformed_json', READ, { body: '[1]' }],
  ['invalid_body', READ, { body: '{"conversation":7}' }],
  ['reference_not_supported', READ, { body: '{"prompt":{"id":"pmpt_1"}}' }],
  ['not_found', READ, { body: '{"conversation":"conv_0123456789abcdef0123456789abcdef"}' }],
]

test.each(REFUSED)(
  'a backend that keeps things may refuse with %s, and the document says so',
  async (code, on, init) => {
    const { authorization } = await kit.bearer()
    for (const path of on) {
      const headers = { ...init.headers, authorization }
      const answer = await fetch(kit.url + path, { method: 'POST', body: '{}', ...init, headers })
      const { error } = (await answer.json()) as { error: { code: string } }
      expect([path, error.code]).toEqual([path, code])
      expect(paths[path]?.['post']?.responses[answer.status]?.description).toContain(`\`${code}\``)
    }
  },
)

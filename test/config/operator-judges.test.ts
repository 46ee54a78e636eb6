import { expect, test } from 'bun:test'
import { faultsOf, needed, read } from '../kit/config.ts'

const CLOUD = { OPENAI_BASE_URL: 'https://cloud.example/v1', OPENAI_API_KEY: 'k' }

test('who administers is read as lists', () => {
  const { config, warnings } = read({ ...needed, AUTH_ADMIN_EMAILS: 'a@x.example, b@x.example', ADMIN_SCOPE: 'steer' })
  expect(config).toMatchObject({ AUTH_ADMIN_EMAILS: ['a@x.example', 'b@x.example'], ADMIN_SCOPE: 'steer' })
  expect([config.AUTH_ADMIN_DOMAINS, warnings]).toEqual([undefined, []])
})

test.each([
  ['AUTH_ADMIN_EMAILS', 'a@x.example,'],
  ['AUTH_ADMIN_EMAILS', 'a'],
  ['AUTH_ADMIN_EMAILS', 'a@b@c'],
  ['AUTH_ADMIN_DOMAINS', '@example.com'],
  ['AUTH_ADMIN_DOMAINS', '*.example.com'],
  ['ADMIN_SCOPE', 'a b'],
  ['PASSTHROUGH', 'GET /v1/x,'],
])('%s takes no %s', (name, value) => {
  expect(faultsOf(() => read({ ...needed, ...CLOUD, [name]: value }))).toEqual([expect.stringContaining(name)])
})

test('the scope that all callers have makes nobody an administrator', () => {
  const faults = faultsOf(() => read({ ...needed, ADMIN_SCOPE: 'inference' }))
  expect(faults).toEqual([expect.stringContaining('ADMIN_SCOPE: every caller has')])
})

test('domains beside addresses are warned of: nothing comes of them', () => {
  const { warnings } = read({ ...needed, AUTH_ADMIN_EMAILS: 'a@x.example', AUTH_ADMIN_DOMAINS: 'x.example' })
  expect(warnings).toEqual([expect.stringContaining('nothing comes of AUTH_ADMIN_DOMAINS')])
})

test('each route that cannot pass is a fault of its own, and so is one without a backend', () => {
  const faults = faultsOf(() => read({ ...needed, PASSTHROUGH: 'GET /v1/files, POST /v1/rerank, GET /v1/a/:b' }))
  expect(faults).toEqual([
    expect.stringContaining('PASSTHROUGH: "GET /v1/files" is below /v1/files, which has rules'),
    expect.stringContaining('PASSTHROUGH: "GET /v1/a/:b" has an id {b}'),
    expect.stringContaining('PASSTHROUGH needs OPENAI_BASE_URL'),
  ])
  expect(read({ ...needed, ...CLOUD, PASSTHROUGH: 'POST /v1/rerank' })).toMatchObject({ warnings: [] })
})

test('batches are warned of: nobody here reads the file of one', () => {
  const { warnings } = read({ ...needed, ...CLOUD, PASSTHROUGH: 'POST /v1/rerank, POST /v1/batches' })
  expect(warnings).toEqual([
    expect.stringContaining('PASSTHROUGH: "POST /v1/batches" has the backend do what a file says'),
  ])
})

import { afterAll, expect, test } from 'bun:test'
import { list } from '../../src/protocol/kinds.ts'
import { faultsOf, passagesIn } from '../../src/protocol/passages.ts'
import { startGateway } from '../kit/gateway.ts'
import { standInProvider } from '../kit/sign-in.ts'

const kit = await startGateway({
  ...{ upstream: 'http://127.0.0.1:1', cloud: 'http://127.0.0.1:1', mockLogin: true },
  signIn: () => ({ providers: [standInProvider()] }),
})
afterAll(() => kit.stop())

const faults = (text: string) => faultsOf(list.read(text) ?? [])

test.each([
  'GET',
  'get /v1/x',
  'HEAD /v1/x',
  'GET /v2/x',
  'GET /v1',
  'GET /v1/',
  'GET /v1/X',
  'GET /v1/x/../y',
  'GET /v1/x/%66',
  'GET /v1/*',
  'GET /v1/x?y',
  'GET  /v1/x',
])('%p is not understood', text => {
  expect(faults(`POST /v1/rerank, ${text}`)).toEqual([expect.stringContaining(' is no route: write it as')])
})

test('parameters are written either way', () => {
  const expected = { method: 'GET', path: '/v1/x/:file_id' } as const
  expect(passagesIn(['GET /v1/x/{file_id}', 'GET /v1/x/:file_id'])).toEqual([expected, expected])
})

test.each([
  'POST /v1/rerank',
  'GET /v1/jobs/:file_id/of/:response_id',
  'GET /v1/a/:file_id/x, GET /v1/a/:file_id, GET /v1/a/b/:response_id',
  'GET /v1/fine_tuning/files/:id, DELETE /v1/fine_tuning/files/:id',
])('%p can be let through', text => {
  expect(faults(text)).toEqual([])
})

test.each([
  ['GET /v1/files/:file_id', 'rules of its own'],
  ['POST /v1/admin', 'rules of its own'],
  ['GET /v1/jobs/:job_id', 'whose it is'],
  ['GET /v1/jobs/:id', 'whose it is'],
  ['GET /v1/:file_id', 'any route'],
  ['DELETE /v1/embeddings', 'a route of this gateway already'],
  ['GET /v1/chat/:file_id', 'a route of this gateway already'],
  ['GET /v1/a/:file_id/:file_id', 'one name'],
  ['GET /v1/a, GET /v1/a', 'given twice'],
  ['GET /v1/a/:file_id, PUT /v1/a/:response_id', 'another name'],
  ['GET /v1/a/:file_id/x, GET /v1/a/:response_id/y', 'another name'],
  ['GET /v1/a/:file_id/b/:conversation_id/c, GET /v1/a/:file_id/b/:response_id', 'another name'],
])('%p cannot', (text, why) => {
  expect(faults(text)).toEqual([expect.stringMatching(why)])
})

test('no route that is there can be named, nor be overlapped by a parameter', () => {
  for (const { path } of kit.routes.filter(({ path }) => path.startsWith('/v1/'))) {
    const plain = path.replaceAll(/[:*]\w*/g, 'x')
    const texts = [
      plain,
      ...plain
        .split('/')
        .slice(2)
        .map((_, at) =>
          plain
            .split('/')
            .with(at + 2, ':file_id')
            .join('/'),
        ),
    ]
    for (const text of texts) {
      expect([text, faultsOf([`GET ${text}`]).length]).toEqual([text, 1])
    }
  }
})

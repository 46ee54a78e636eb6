import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { templateOf } from '../../src/protocol/openapi.ts'
import { type ProblemCode, statusOf } from '../../src/protocol/problem.ts'
import { freshDirectory } from '../kit/directory.ts'
import { type Kit, startGateway } from '../kit/gateway.ts'
import { standInProvider } from '../kit/sign-in.ts'

interface Operation {
  readonly summary?: string
  readonly description?: string
  readonly operationId: string
  readonly security: readonly object[]
  readonly requestBody?: object
  readonly responses: Readonly<Record<string, { description: string; content?: Record<string, object> }>>
}

const PAGES = ['/docs', '/api/docs']
const FILES = ['/docs/start.js', '/docs/swagger-ui-bundle.js', '/docs/swagger-ui.css', '/api-docs/openapi.json']

let kit: Kit
let text: string
let operations: (readonly [string, Operation])[]

beforeAll(async () => {
  const signIn = () => ({ providers: [standInProvider()] })
  const passthrough = ['POST /v1/rerank', 'GET /v1/jobs/:file_id']
  kit = await startGateway({ upstream: 'http://127.0.0.1:1', cloud: 'http://127.0.0.1:1', signIn, passthrough })
  text = await (await fetch(`${kit.url}/api-docs/openapi.json`)).text()
  const { paths } = JSON.parse(text) as { paths: Record<string, Record<string, Operation>> }
  operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const),
  )
})
afterAll(() => kit.stop())

describe('the document', () => {
  test('has every live route and no other', () => {
    const live = kit.routes.map(({ method, path }) => `${method} ${templateOf(path)}`)
    expect(operations.map(([name]) => name).sort()).toEqual(live.sort())
  })

  test('says of each what it is for, one success, its errors, and what every answer means', () => {
    for (const [name, { summary, responses }] of operations) {
      const statuses = Object.keys(responses)
      expect([name, summary]).toEqual([name, expect.stringMatching(/\.$/)])
      expect([name, statuses.some(status => /^[23]/.test(status))]).toEqual([name, true])
      expect([name, statuses]).toEqual([name, expect.arrayContaining(['400', '500'])])
      for (const { description } of Object.values(responses)) expect(description).toMatch(/\.$/)
    }
  })

  test('shows an example wherever a body is taken or given, binary ones aside', () => {
    const media = operations.flatMap(([name, { requestBody, responses }]) =>
      [requestBody ?? {}, ...Object.values(responses)].flatMap(({ content = {} }: { content?: object }) =>
        Object.entries(content).map(([type, { example }]) => [name, type, example !== undefined]),
      ),
    )
    const bare = media.filter(([, , has]) => !has).map(([name, type]) => `${name} ${type}`)
    expect(bare.filter(line => !/^GET \/(api\/|api-)?docs|hpke-keys| audio\//.test(line))).toEqual([])
  })

  test('asks for a token exactly where the gateway does', async () => {
    for (const [name, { security, responses }] of operations) {
      const [method = '', path = ''] = name.split(' ')
      const answer = await fetch(kit.url + path, { method })
      const isAsked = answer.status === 401 && answer.headers.has('www-authenticate')
      expect([name, isAsked]).toEqual([name, security.length > 0])
      expect([name, /`token_missing`/.test(responses['401']?.description ?? '')]).toEqual([name, security.length > 0])
    }
  })

  test('files each code under its status', () => {
    const codes = new Set<string>()
    for (const [, { responses }] of operations)
      for (const [status, { description }] of Object.entries(responses).filter(([, it]) =>
        /^Refused/.test(it.description),
      ))
        for (const [, code = ''] of description.matchAll(/`(\w+)`/g)) {
          expect(statusOf(code as ProblemCode)).toBe(Number(status))
          codes.add(code)
        }
    expect(codes.size).toBeGreaterThan(20)
  })

  test("passes Redocly's linter", async () => {
    const directory = freshDirectory()
    const path = join(directory, 'openapi.json')
    writeFileSync(path, text)
    const cli = Bun.fileURLToPath(import.meta.resolve('@redocly/cli/bin/cli.js'))
    // It knows no success but 2xx, and a browser that signs in is sent on.
    const rules = ['--extends=recommended', '--skip-rule=operation-2xx-response', '--max-problems=20']
    const linter = Bun.spawn([process.execPath, cli, 'lint', path, ...rules], {
      cwd: directory,
      env: { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const said = (await new Response(linter.stdout).text()) + (await new Response(linter.stderr).text())
    rmSync(directory, { recursive: true })
    expect(said).toContain('is valid')
    expect(said).not.toContain('warning')
    expect(await linter.exited).toBe(0)
  }, 60_000)
})

describe('the page', () => {
  test.each(PAGES)('%s names no other host, and may load from none', async path => {
    const answer = await fetch(kit.url + path)
    const page = await answer.text()
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page).not.toMatch(/\/\//)
    const policy = answer.headers.get('content-security-policy') ?? ''
    expect(policy).toStartWith("default-src 'none'; script-src 'self';")
    expect(policy).not.toContain('unsafe')
    expect(policy).not.toMatch(/[:/.*](?!;)(?<!data:)/)
    for (const [, file = ''] of page.matchAll(/(?:src|href)="(\/[^"]+)"/g)) expect(FILES).toContain(file)
  })

  test('starts without a validator elsewhere', async () => {
    const start = await (await fetch(`${kit.url}/docs/start.js`)).text()
    expect(start).toContain('validatorUrl: null')
    expect(start).not.toMatch(/\/\//)
  })

  test.each(FILES)('has %s from us, whole', async path => {
    const answer = await fetch(kit.url + path)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect((await answer.bytes()).length).toBeGreaterThan(50)
  })
})

test('where it is turned off there is none of it', async () => {
  const quiet = await startGateway({ upstream: 'http://127.0.0.1:1', docs: false })
  for (const path of [...PAGES, ...FILES]) expect((await fetch(quiet.url + path)).status).toBe(404)
  expect(quiet.routes.filter(({ path }) => path.includes('docs'))).toEqual([])
  await quiet.stop()
})

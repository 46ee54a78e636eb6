import { afterAll, beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { type StandInEnclave, standInEnclave } from '../src/dev/enclave.ts'
import { type Kit, startGateway, UPSTREAM_KEY } from './kit/gateway.ts'

let enclave: StandInEnclave
let gateway: Kit

beforeAll(async () => {
  enclave = await standInEnclave({ key: UPSTREAM_KEY, pace: 1 })
  gateway = await startGateway({ upstream: enclave.url })
})

afterAll(async () => {
  await gateway.stop()
  await enclave.stop()
})

async function run(example: string): Promise<string> {
  const { authorization } = await gateway.bearer()
  const TOKEN = authorization.slice('Bearer '.length)
  const child = Bun.spawn([process.execPath, join('examples', example)], {
    cwd: join(import.meta.dir, '..'),
    env: { SEALGATE_URL: gateway.url, TOKEN },
    stdout: 'pipe',
  })
  return new Response(child.stdout).text()
}

test('the example with the OpenAI SDK prints an answer', async () => {
  expect(await run('chat.ts')).toEndWith('You said: Say hello.\n')
})

test('the example that seals prints the opened events', async () => {
  const text = await run('sealed-chat.ts')
  expect(text).toContain('"content":"Say "')
  expect(text).toEndWith('data: [DONE]\n\n')
})

test.each([
  ['browser.html', '/', 'Sealed chat'],
  // Whoever comes back from a provider comes to this path.
  ['sign-in.html', '/auth/callback?code=any', 'Sign in'],
])(
  '%s is served by one command at %s, with its script and style and nothing from elsewhere',
  async (page, path, title) => {
    const child = Bun.spawn([process.execPath, join('examples', page), '--port=0'], {
      cwd: join(import.meta.dir, '..'),
      stdout: 'pipe',
    })
    let printed = ''
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      printed += part
      if (/http:\S+\n/.test(printed)) break
    }
    const html = await (await fetch(new URL(path, /http:\S+/.exec(Bun.stripANSI(printed))?.[0]))).text()
    child.kill()
    await child.exited
    expect(html).toContain(`<h1>${title}</h1>`)
    const sources = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, source]) => source)
    expect(sources.length).toBeGreaterThan(1)
    for (const source of sources) expect(source).toMatch(/^(?:\/_bun\/|data:)/)
  },
)

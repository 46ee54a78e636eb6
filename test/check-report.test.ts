import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { reporters } from './kit/reporting.ts'

const { setUp, also, clear } = reporters()
type Gateway = Awaited<ReturnType<typeof setUp>>
interface Statement {
  keyset: { ed25519: object }
  settings: object
}
interface Own {
  statement: string
  intel_quote: string
  signing_address: string
  request_nonce: string
}

const EXECUTABLE = 'ab'.repeat(32)
let gateway: Gateway
beforeAll(async () => {
  gateway = await setUp({ attested: { ALLOW_PLAINTEXT: false }, executable: async () => EXECUTABLE })
})
afterAll(clear)

/** What a user sees who runs the example. */
async function run(url: string, expected: Record<string, string> = {}) {
  const child = Bun.spawn([process.execPath, 'examples/check-report.ts'], {
    cwd: join(import.meta.dir, '..'),
    env: { SEALGATE_URL: url, NO_COLOR: '1', ...expected },
    stdout: 'pipe',
  })
  const text = await new Response(child.stdout).text()
  const failed = [...text.matchAll(/^FAIL (.*)$/gm)].map(([, check]) => check)
  const printed = /EXPECT_KEY=(\S+) EXPECT_SETTINGS=(\S+)/.exec(text) ?? []
  return {
    exit: await child.exited,
    text,
    failed,
    expected: { EXPECT_KEY: printed[1] ?? '', EXPECT_SETTINGS: printed[2] ?? '' },
  }
}

/** A man in the middle, who changes what the gateway reports, or sends a report from before. */
function between(tamper: (own: Own) => Partial<Own>, age: 'fresh' | 'old'): string {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async request => {
      const { gateway_attestation: own } = await gateway.told(age === 'fresh' ? new URL(request.url).search : '')
      return Response.json({ gateway_attestation: { ...own, ...tamper(own) } })
    },
  })
  also({ stop: () => server.stop(true) })
  return server.url.origin
}

test('an honest report passes, shows key and settings, and passes when these are expected', async () => {
  const { exit, text, failed, expected } = await run(gateway.kit.url)
  expect([exit, failed]).toEqual([0, []])
  for (const part of ['mode simulated', 'ALLOW_PLAINTEXT: false', 'pass the quote is over my nonce'])
    expect(text).toContain(part)
  expect(expected.EXPECT_KEY).toMatch(/^[\da-f]{64}$/)
  const all = { ...expected, EXPECT_EXECUTABLE: EXECUTABLE }
  expect(await run(gateway.kit.url, all)).toMatchObject({ exit: 0, failed: [], expected })
})

describe('it finds', () => {
  const stated = ({ statement }: Own, change: (stated: Statement) => object) => {
    const before: Statement = JSON.parse(statement)
    return { statement: JSON.stringify({ ...before, ...change(before) }) }
  }
  test.each<[string, string, 'fresh' | 'old', (own: Own) => Partial<Own>]>([
    ['an old report', 'the quote is over my nonce', 'old', () => ({})],
    [
      'an old report that claims another nonce',
      'the quote is over my nonce',
      'old',
      () => ({ request_nonce: '00'.repeat(32) }),
    ],
    [
      'another key in the statement',
      'the quote is over this statement',
      'fresh',
      own =>
        stated(own, ({ keyset: { ed25519, ...keyset } }) => ({
          keyset: { ...keyset, ed25519: { ...ed25519, public_key: '00' } },
        })),
    ],
    [
      'another key beside the statement',
      'the address is that of a key in the statement',
      'fresh',
      () => ({ signing_address: '00'.repeat(32) }),
    ],
    [
      'another setting',
      'the quote is over this statement',
      'fresh',
      own => stated(own, ({ settings }) => ({ settings: { ...settings, ALLOW_PLAINTEXT: true } })),
    ],
    [
      'another quote',
      'the quote is over this statement',
      'fresh',
      ({ intel_quote: quote }) => ({ intel_quote: quote.slice(0, 1136) + 'ff'.repeat(32) + quote.slice(1200) }),
    ],
  ])('%s', async (_, check, age, tamper) => {
    const { exit, failed } = await run(between(tamper, age))
    expect([exit, failed]).toEqual([1, [check]])
  })

  test('another executable', async () => {
    const { exit, failed } = await run(gateway.kit.url, { EXPECT_EXECUTABLE: 'cd'.repeat(32) })
    expect([exit, failed]).toEqual([1, ['the executable is the one that I expect']])
  })

  test('another gateway, whose own report is sound', async () => {
    const { expected } = await run(gateway.kit.url)
    const other = await setUp({ attested: { ALLOW_PLAINTEXT: true } })
    const { exit, failed } = await run(other.kit.url, expected)
    expect([exit, failed]).toEqual([1, ['the key is the one that I expect', 'the settings are those that I expect']])
  })
})

test('it is short enough to be read', async () => {
  const text = await Bun.file(join(import.meta.dir, '../examples/check-report.ts')).text()
  expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(40)
  expect([...text.matchAll(/from '(.*)'/g)].map(([, name]) => name)).toEqual(['node:crypto'])
})

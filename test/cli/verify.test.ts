import { afterAll, describe, expect, test } from 'bun:test'
import { readCommand } from '../../src/arguments.ts'
import { verify } from '../../src/cli/verify.ts'
import { standInAgent } from '../../src/dev/agent.ts'
import { agent } from '../../src/tee/agent.ts'
import { forLocalhost } from '../kit/certificates.ts'
import { startGateway } from '../kit/gateway.ts'
import { intel } from '../kit/intel.ts'
import { reportBy, SETTINGS } from '../kit/quoting.ts'

async function run(argv: readonly string[], files: Readonly<Record<string, string>> = {}) {
  const [printed, said]: [string[], string[]] = [[], []]
  const exit = await verify(readCommand(['verify', ...argv]), {
    readFile: path => {
      if (files[path] === undefined) throw new Error('ENOENT')
      return files[path]
    },
    write: text => void printed.push(text),
    say: line => void said.push(line),
  })
  return { exit, printed: printed.join(''), said: said.join('\n') }
}

const FORGED = 'PROVED: hardware that Intel certified vouches for all of this.'
const ODD = {
  '\u001b[2Jmode': 1,
  [`mode\n${FORGED}`]: 1,
  statement: JSON.stringify({ version: `\u009b1\n${FORGED}`, keyset: {} }),
}

const maker = await intel()
/** Answers with what is asked for by path. */
const server = Bun.serve({
  port: 0,
  tls: forLocalhost,
  fetch: async request => {
    const { pathname, searchParams } = new URL(request.url)
    const nonce = searchParams.get('nonce') ?? ''
    if (pathname.startsWith('/moved')) return Response.redirect('/v1/attestation/report', 302)
    if (pathname.startsWith('/long')) return new Response(new Uint8Array(8_388_609))
    if (pathname.startsWith('/text')) return new Response('hello')
    if (pathname.startsWith('/list')) return Response.json([])
    if (pathname.startsWith('/refused')) return Response.json({ error: { message: `no\n${FORGED}` } }, { status: 500 })
    const members = pathname.startsWith('/odd') ? ODD : {}
    return Response.json(await reportBy(maker, { nonce, members }))
  },
})
afterAll(() => server.stop(true))
const url = `https://localhost:${server.port}`

describe('sealgate verify', () => {
  test('believes Intel’s root alone, whatever is published with a report', async () => {
    const { exit, printed } = await run([url, '--collateral', 'c.json'], { 'c.json': JSON.stringify(maker.collateral) })
    expect(exit).toBe(1)
    expect(printed).toMatch(/^ {2}FAIL +certificate chain +does not end in the root that is believed$/m)
    expect(printed).toEndWith('\nREFUTED: what is marked FAIL is wrong. Do not trust this gateway.\n')
  })

  test('asks with a fresh nonce each time, or with the one that is given', async () => {
    const nonces = await Promise.all([run([url]), run([url]), run([url, `--nonce=${'AB'.repeat(32)}`])])
    const [first, second, given] = nonces.map(({ printed }) => /nonce ([\da-f]{64})$/m.exec(printed)?.[1])
    expect(first).not.toBe(second)
    expect(given).toBe('ab'.repeat(32))
    for (const { printed } of nonces) expect(printed).toMatch(/^ {2}pass +report data /m)
  })

  test('tells the same to programs, each check with its outcome and why', async () => {
    const { exit, printed } = await run([url, '--json', '--at=2026-03-01T00:00:00Z'])
    const told = JSON.parse(printed)
    expect(told).toMatchObject({
      exit,
      verdict: 'refuted',
      url: `${url}/`,
      at: '2026-03-01T00:00:00.000Z',
      unjudged: [],
    })
    expect(told.tls_spki_sha256).toMatch(/^[\da-f]{64}$/)
    expect(told.parts[0].stated.settings).toEqual(SETTINGS)
    expect(told.parts[0]).toMatchObject({
      name: 'gateway',
      unsigned: ['mode'],
      measured: { 'app-id': '11'.repeat(20) },
    })
    expect(told.parts[0].checks[0]).toEqual({
      name: 'nonce',
      outcome: 'pass',
      why: 'the report is for the nonce that was sent',
    })
  })

  test('lets no report move the cursor of whoever reads the verdict', async () => {
    const { exit, printed } = await run([`${url}/odd`])
    expect(exit).toBe(1)
    expect(printed).toContain('?[2Jmode')
    expect(printed).not.toMatch(/(?!\n)\p{Cc}/u)
  })

  test('lets no report add a line to the verdict', async () => {
    const { printed } = await run([`${url}/odd`])
    expect(printed).toContain(`version ?1?${FORGED}`)
    expect(printed).not.toContain(`\n${FORGED}`)
    expect(await run([`${url}/refused`])).toMatchObject({
      exit: 2,
      said: `verify: the gateway answers 500: no?${FORGED}`,
    })
  })

  test.each([
    ['moved', 'the gateway answers 302, which is no report'],
    ['long', 'the gateway answers with more than 8388608 bytes'],
    ['text', 'the gateway answers 200, which is no report'],
    ['list', 'the report is no JSON object'],
  ])('cannot tell where the answer is no report: %s', async (path, why) => {
    expect(await run([`${url}/${path}`])).toEqual({ exit: 2, printed: '', said: `verify: ${why}` })
  })

  test('cannot tell where nobody answers', async () => {
    using closed = Bun.serve({ port: 0, fetch: () => new Response() })
    await closed.stop(true)
    expect(await run([`https://localhost:${closed.port}`])).toMatchObject({
      exit: 2,
      said: 'verify: the gateway cannot be reached (ECONNREFUSED)',
    })
  })

  test.each([
    [[], 'verify needs URL'],
    [['gateway.example'], 'URL must be an https URL, as in https://host'],
    [['https://u:p@gateway.example'], 'URL must be without credentials, query and fragment'],
    [[url, '--nonce=ab'], '--nonce must be 64 hex digits'],
    [[url, '--expect-compose-hash=x'], '--expect-compose-hash must be 64 hex digits'],
    [[url, '--at=yesterday'], '--at must be a time in UTC, as in 2026-03-01T00:00:00Z'],
    [[url, '--pccs=http://pccs.example'], '--pccs must be an https URL, as in https://host'],
    [[url, '--collateral=none.json'], '--collateral: none.json cannot be read'],
    [[url, '--expect-keyset=text'], '--expect-keyset: text is not JSON'],
    [[url, '--manifest=none.json'], '--manifest: none.json cannot be read'],
    [[url, '--manifest=empty'], '--manifest is no manifest.json of a release: its format is not sealgate.release.v1'],
    [[url, '--collateral=empty'], '--collateral: collateral without pck_crl_issuer_chain'],
    [[url, '--port=1'], '--port is no flag of sealgate verify'],
  ])('cannot be asked by %j', async (argv, why) => {
    expect(await run(argv, { text: 'x', empty: '{}' })).toEqual({ exit: 2, printed: '', said: `verify: ${why}` })
  })
})

describe('a gateway without TLS', () => {
  test('in a TEE cannot be told from whoever stands between', async () => {
    const tee = { mode: 'simulated' as const, agent: agent(standInAgent({ seed: 'verify' }).reach) }
    const gateway = await startGateway({ upstream: 'http://localhost:1', tee })
    const { exit, printed } = await run([gateway.url])
    await gateway.stop()
    expect(exit).toBe(2)
    expect(printed).toMatch(/^ {2}not checked +TLS key +this connection has no TLS/m)
    expect(printed).not.toContain('FAIL')
  })

  test('outside a TEE says so', async () => {
    const gateway = await startGateway({ upstream: 'http://localhost:1' })
    const { exit, said } = await run([gateway.url])
    await gateway.stop()
    expect(exit).toBe(2)
    expect(said).toStartWith('verify: the gateway answers 503: ')
  })
})

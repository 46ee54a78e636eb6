import { afterEach, describe, expect, test } from 'bun:test'
import { clouds } from '../../kit/cloud.ts'
import { countingUpstream } from '../../kit/counting.ts'
import { held } from '../../kit/memory.ts'
import { reporters } from '../../kit/reporting.ts'

const { start, clear } = clouds()
const { setUp, also, clear: clearAll } = reporters()
afterEach(async () => {
  await clearAll()
  await clear()
})

const NONCE = '0aF'.padEnd(64, '7')

/** The same before a stand-in cloud, `behind` which one may ask. */
async function beside() {
  const { cloud, heard, ask: behind } = await start()
  return { cloud, heard, behind, ...(await setUp({ cloud: new URL(cloud.url).origin })) }
}

/** The same before a cloud that answers everything so. */
const hostile = async (answer: () => Response | Promise<Response>) => {
  const upstream = also(countingUpstream(answer))
  return { upstream, ...(await setUp({ cloud: upstream.url })) }
}

const ROUTE = 'GET attestation/report'

describe('what the cloud says of itself', () => {
  test('is asked for with the same query and our key, and comes byte for byte', async () => {
    const { ask, heard, behind } = await beside()
    const query = `nonce=${NONCE}&signing_algo=ecdsa&model=stand-in%2Fsmall&signing_address=0x${'ab'.repeat(20)}`
    const text = await (await ask(`?${query}`)).text()
    expect(heard[0]).toMatchObject({ path: '/v1/attestation/report', query })
    const theirs = await (await behind(`GET attestation/report?${query}`)).text()
    const [own = '', ...members] = theirs.slice(2, theirs.lastIndexOf('}')).trimEnd().split(' ,\n  ')
    for (const member of members) expect(text).toContain(`,${member}`)
    expect(text).toContain(own.replace('"gateway_attestation" : ', ',"cloud_api_gateway_attestation":'))
    expect(own).toContain('9007199254740993')
    expect(members).toContain('"issued_at_ns" : 1767225600123456789')
    const { gateway_attestation, cloud_api_gateway_attestation, model_attestations } = JSON.parse(text)
    expect(cloud_api_gateway_attestation.request_nonce).toBe(NONCE)
    expect(model_attestations[0].nvidia_payload).toContain(NONCE)
    expect(gateway_attestation.mode).toBe('simulated')
    expect(JSON.parse(gateway_attestation.statement).settings.backends).toEqual(['openai'])
  })

  test('is about the nonce that was made for whoever brings none, and is kept as long', async () => {
    const { told, heard, clock } = await beside()
    const { gateway_attestation: own, cloud_api_gateway_attestation: theirs } = await told()
    expect(theirs.request_nonce).toBe(own.request_nonce)
    await told()
    expect(heard).toHaveLength(1)
    for (let n = 0; n < 20; n++) await told(`?model=m${n % 2}`)
    // A model that is not known is asked for each time.
    expect(heard).toHaveLength(21)
    clock.pass(300_000)
    expect((await told()).cloud_api_gateway_attestation.request_nonce).not.toBe(own.request_nonce)
  })

  test('is kept for sixteen queries at most', async () => {
    const { told, heard } = await beside()
    const addresses = Array.from({ length: 17 }, (_, n) => `?signing_address=${String(n).padStart(40, '0')}`)
    for (const query of [...addresses, ...addresses.slice(1)]) await told(query)
    expect(heard).toHaveLength(17)
    await told(addresses[0])
    expect(heard).toHaveLength(18)
  })

  test('is asked for by four at a time, and never by more', async () => {
    const { cloud, told } = await beside()
    let [open, most] = [0, 0]
    let four = Promise.withResolvers<void>()
    const before = async () => {
      const { promise, resolve } = four
      open++
      most = Math.max(most, open)
      if (open === 4) {
        four = Promise.withResolvers()
        resolve()
      }
      // Nobody is answered before four have come.
      await promise
    }
    const after = async () => void open--
    cloud.next({ on: ROUTE, times: 100, before, after })
    const nonces = Array.from({ length: 100 }, (_, n) => String(n).padStart(64, '0'))
    const all = await Promise.all(nonces.map(nonce => told(`?nonce=${nonce}`)))
    expect(all.map(({ cloud_api_gateway_attestation: { request_nonce } }) => request_nonce)).toEqual(nonces)
    expect(most).toBe(4)
  })

  test("is asked for by three at a time beside Tinfoil's bundle", async () => {
    let [open, most] = [0, 0]
    const upstream = also(
      countingUpstream(async () => {
        most = Math.max(most, ++open)
        await Bun.sleep(20)
        open--
        return new Response('{"gateway_attestation":{}}')
      }),
    )
    const { told } = await setUp({ upstream: upstream.url, isSealing: true, cloud: upstream.url })
    await Promise.all(Array.from({ length: 8 }, (_, n) => told(`?nonce=${String(n).padStart(64, '0')}`)))
    expect([upstream.requests.length, most]).toEqual([9, 4])
  })

  test('is missing where it fails, and told why in our words, with our own part whole', async () => {
    const { cloud, told, kit } = await beside()
    const failures: unknown[] = []
    for (const turn of [{ cut: 'before' as const }, { status: 401 }, { status: 403 }, { status: 500 }]) {
      cloud.next({ on: ROUTE, ...turn })
      const { gateway_attestation: own, cloud_api_gateway_attestation: theirs, upstream_error } = await told()
      expect([own.replay, theirs]).toEqual(['ok', undefined])
      failures.push(upstream_error.openai.code)
      expect(JSON.stringify(upstream_error)).not.toContain('As it was told to')
    }
    expect(failures).toEqual([
      'upstream_unreachable',
      'upstream_credentials',
      'upstream_credentials',
      'upstream_malformed',
    ])
    const lines = kit.lines.map(line => JSON.parse(line)).filter(({ event }) => event === 'report_failed')
    expect(lines.map(({ code, backend }) => [code, backend])).toEqual(failures.map(code => [code, 'openai']))
    expect(await told()).toMatchObject({ cloud_api_gateway_attestation: { signing_algo: 'ed25519' } })
  })

  test.each<[string, () => Response]>([
    ['is no JSON', () => new Response('<b>marked</b>')],
    ['names its own part twice', () => new Response('{"gateway_attestation":{"marked":1},"gateway_attestation":{}}')],
    ['brings what is ours', () => new Response('{"gateway_attestation":{},"chat_api_gateway_attestation":"marked"}')],
    ['is too long', () => new Response(`{"gateway_attestation":"marked${'x'.repeat(4_194_304)}"}`)],
    ['leads elsewhere', () => Response.redirect('/marked')],
  ])('is dropped where it %s', async (_, answer) => {
    const { ask } = await hostile(answer)
    const text = await (await ask()).text()
    const { gateway_attestation: own, upstream_error: failures, ...others } = JSON.parse(text)
    expect([own.mode, own.replay, failures.openai.code]).toEqual(['simulated', 'ok', 'upstream_malformed'])
    expect(Object.keys(others)).toEqual(['chat_api_gateway_attestation'])
    expect(text).not.toContain('marked')
  })

  test('cannot reach behind what is ours', async () => {
    const text = '{"gateway_attestation":{"__proto__":{"mode":"dstack"}},"__proto__":{"tinfoil_attestation":1}}'
    const { told } = await hostile(() => new Response(text))
    const report = await told()
    expect([report.gateway_attestation.mode, report.tinfoil_attestation]).toEqual(['simulated', undefined])
    expect(Object({}).tinfoil_attestation).toBeUndefined()
  })

  test('is in memory once while it is kept, however many have yet to read it', async () => {
    const large = 'x'.repeat(3_000_000)
    const { kit, told } = await hostile(() => new Response(`{"gateway_attestation":{"large":"${large}"}}`))
    await told()
    const before = held()
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => {
        const headers = { host: 'gateway.test', 'x-forwarded-for': `127.3.0.${n}` }
        const request = new Request(`${kit.url}/v1/attestation/report`, { headers })
        return kit.fetch(request, { timeout: () => undefined, requestIP: () => ({ address: '127.0.0.1' }) })
      }),
    )
    expect(held() - before).toBeLessThan(5 * large.length)
    for (const answer of answers) expect(await answer.text()).toEndWith(`${large.slice(-10)}"}}`)
  })

  test('is left alone for as long as its 503 asks', async () => {
    const answer = () => new Response('', { status: 503, headers: { 'retry-after': '3' } })
    const { upstream, told, clock } = await hostile(answer)
    const codes: string[] = []
    for (const ms of [0, 2999, 3001]) {
      clock.pass(ms === 3001 ? 1 : ms)
      codes.push((await told()).upstream_error.openai.code)
    }
    expect(codes).toEqual(['upstream_malformed', 'upstream_overloaded', 'upstream_malformed'])
    expect(upstream.requests).toHaveLength(2)
  })

  test('keeps no caller from it by a 503 that anybody may ask for', async () => {
    let isReport = true
    const busy = () => new Response('', { status: 503, headers: { 'retry-after': '5' } })
    const { kit, told } = await hostile(() => (isReport ? busy() : Response.json({ object: 'list', data: [] })))
    expect((await told()).upstream_error.openai.code).toBe('upstream_malformed')
    isReport = false
    const { authorization } = await kit.signIn()
    const models = await fetch(`${kit.url}/v1/models`, { headers: { authorization } })
    expect(models.status).toBe(200)
    expect((await told()).upstream_error.openai.code).toBe('upstream_overloaded')
  })
})

describe("Tinfoil's bundle", () => {
  const before = async (bundle: string) => {
    const upstream = also(countingUpstream(() => new Response(bundle)))
    return setUp({ upstream: upstream.url, isSealing: true })
  }

  test('comes byte for byte', async () => {
    const bundle = '{"domain" : "inference.example", "n":9007199254740993}'
    const { ask } = await before(bundle)
    expect(await (await ask()).text()).toEndWith(`,"tinfoil_attestation":${bundle}}`)
  })

  test('is missing where it is no JSON object, and told by name', async () => {
    const { told } = await before('"},"')
    const { upstream_error, tinfoil_attestation, gateway_attestation: own } = await told()
    expect([upstream_error.tinfoil.code, tinfoil_attestation, own.replay]).toEqual([
      'upstream_malformed',
      undefined,
      'ok',
    ])
  })
})

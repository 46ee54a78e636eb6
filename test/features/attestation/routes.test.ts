import { afterEach, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import type { Collateral } from '../../../src/tee/collateral.ts'
import { countingUpstream } from '../../kit/counting.ts'
import { startGateway } from '../../kit/gateway.ts'
import { reporters } from '../../kit/reporting.ts'

const { setUp, also, clear } = reporters()
afterEach(clear)

const NONCE = '0aF'.padEnd(64, '7')
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const reportDataIn = (quote: string) => Buffer.from(quote, 'hex').toString('hex', 568, 632)

describe('a report', () => {
  test('quotes the statement that it tells, and the nonce of whoever asks', async () => {
    const { ask, appCompose } = await setUp({ attested: { ALLOW_PLAINTEXT: false } })
    const answer = await ask(`?nonce=${NONCE}&signing_algo=ecdsa`)
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store'])
    const { gateway_attestation: own, ...others } = JSON.parse(await answer.text())
    const { keyset, settings } = JSON.parse(own.statement)
    expect(own).toMatchObject({
      mode: 'simulated',
      signing_algo: 'ecdsa',
      signing_address: keyset.ecdsa.address,
      request_nonce: NONCE,
      report_data: sha256(own.statement) + NONCE.toLowerCase(),
      app_compose: appCompose,
      image_digests: [/sha256:[\da-f]{64}/.exec(appCompose)?.[0]],
      replay: 'ok',
    })
    expect(reportDataIn(own.intel_quote)).toBe(own.report_data)
    expect(JSON.parse(own.event_log).length).toBeGreaterThan(5)
    expect(JSON.parse(own.vm_config)).toBeObject()
    expect(settings).toEqual({
      ALLOW_PLAINTEXT: false,
      backends: [],
      identity_key: 'root',
      keys: 'memory',
      tee: 'simulated',
    })
    expect(Object.keys(others)).toEqual(['chat_api_gateway_attestation'])
    expect(others.chat_api_gateway_attestation).toEqual({
      signing_address: own.signing_address,
      signing_algo: 'ecdsa',
      request_nonce: NONCE,
      intel_quote: own.intel_quote,
      info: own.info,
      event_log: JSON.parse(own.event_log),
    })
  })

  test('hands on what Intel publishes about its machine, where that can be had', async () => {
    const collateral = { tcb_info: '{}' } as Collateral
    const [one, none] = [collateral, undefined].map(given => setUp({ collateralOf: async () => given }))
    expect((await (await one)?.told())?.gateway_attestation.collateral).toEqual(collateral)
    expect((await (await none)?.told())?.gateway_attestation).not.toHaveProperty('collateral')
  })

  test('names the Ed25519 key unless asked for the other, and has both in its statement', async () => {
    const { told } = await setUp()
    const { signing_algo, signing_address, statement } = (await told()).gateway_attestation
    const { ed25519, ecdsa } = JSON.parse(statement).keyset
    expect([signing_algo, signing_address]).toEqual(['ed25519', ed25519.public_key])
    expect(ecdsa.address).toMatch(/^0x[\da-f]{40}$/)
  })

  test('has headers and no body for HEAD', async () => {
    const { ask } = await setUp()
    const answer = await ask('', { method: 'HEAD' })
    expect([answer.status, answer.headers.get('cache-control'), await answer.text()]).toEqual([200, 'no-store', ''])
  })

  test('binds the key that TLS showed on the very connection', async () => {
    const { kit } = await setUp()
    const over = async (spki?: string) => {
      const connections = { timeout: () => undefined, requestIP: () => null, ...(spki !== undefined && { spki }) }
      const request = new Request(`${kit.url}/v1/attestation/report`, { headers: { host: 'gateway.test' } })
      const { gateway_attestation: own } = JSON.parse(await (await kit.fetch(request, connections)).text())
      expect(reportDataIn(own.intel_quote)).toStartWith(sha256(own.statement))
      return JSON.parse(own.statement).keyset.tls_spki_sha256
    }
    expect([await over('aa'.repeat(32)), await over('bb'.repeat(32)), await over()]).toEqual([
      'aa'.repeat(32),
      'bb'.repeat(32),
      undefined,
    ])
  })

  test('binds the HPKE configuration that was relayed last', async () => {
    let keys = 'one'
    const upstream = countingUpstream(() => new Response(keys))
    also(upstream)
    const { kit, told, clock } = await setUp({ upstream: upstream.url, isSealing: true })
    const digest = async () => JSON.parse((await told()).gateway_attestation.statement).keyset.hpke_config_sha256
    const relayed = async () => (await fetch(`${kit.url}/.well-known/hpke-keys`)).text()
    expect(await digest()).toBeUndefined()
    expect([await relayed(), await digest()]).toEqual(['one', sha256('one')])
    keys = 'two'
    clock.pass(5000)
    expect(await digest()).toBe(sha256('one'))
    expect([await relayed(), await digest()]).toEqual(['two', sha256('two')])
  })

  test('states the executable, and goes without it while that cannot be read', async () => {
    const digests = ['aa'.repeat(32), undefined]
    const { told } = await setUp({ executable: async () => digests.pop() })
    const stated = async () => JSON.parse((await told()).gateway_attestation.statement)
    expect(await stated()).not.toHaveProperty('executable_sha256')
    expect(await stated()).toHaveProperty('executable_sha256', 'aa'.repeat(32))
  })

  test('says which registers the event log does not lead to', async () => {
    const rest = (method: string, told: Record<string, unknown>) => {
      if (method !== 'GetQuote') return told
      const log = JSON.parse(String(told['event_log'])) as { imr: number; event: string }[]
      return { ...told, event_log: JSON.stringify(log.filter(({ imr, event }) => imr !== 1 && event !== 'app-id')) }
    }
    const { told } = await setUp({ altered: rest })
    expect((await told()).gateway_attestation.replay).toBe('differs: rtmr1, rtmr3')
  })

  test('is none outside a TEE, and says what to do', async () => {
    const kit = await startGateway({ upstream: 'http://127.0.0.1:1' })
    also(kit)
    const answer = await fetch(`${kit.url}/v1/attestation/report`)
    const { error } = JSON.parse(await answer.text())
    expect([answer.status, error.code]).toEqual([503, 'not_in_a_tee'])
    expect(error.message).toContain('TEE=dstack')
  })

  test('is none where the agent quotes something else', async () => {
    const wrong = (method: string, told: Record<string, unknown>) =>
      method === 'GetQuote' ? { ...told, report_data: '00'.repeat(64) } : told
    const { ask } = await setUp({ altered: wrong })
    const answer = await ask(`?nonce=${NONCE}`)
    expect([answer.status, JSON.parse(await answer.text()).error.code]).toEqual([502, 'quote_mismatch'])
  })
})

describe('a query', () => {
  const WRONG = [
    'nonce=',
    `nonce=${NONCE.slice(1)}`,
    `nonce=${NONCE}0`,
    `nonce=0x${NONCE.slice(2)}`,
    `nonce=${NONCE}&nonce=${NONCE}`,
    'signing_algo=rsa',
    'signing_algo=',
    'signing_algo=ED25519',
    'model=',
    'model=a%00b',
    `model=${'x'.repeat(257)}`,
    'signing_address=0x12',
    `signing_address=${'g'.repeat(40)}`,
    `signing_address=0X${'0'.repeat(40)}`,
    'agent=x',
    'Nonce=x',
  ]
  test('that is none of a report is refused, and nothing is quoted', async () => {
    const { ask, quotes } = await setUp()
    for (const query of WRONG) {
      const answer = await ask(`?${query}`)
      const { code } = JSON.parse(await answer.text()).error
      expect([query, answer.status, code]).toEqual([query, 400, 'invalid_query'])
    }
    expect(quotes()).toBe(0)
  })
})

describe('of many who ask', () => {
  test('a hundred with one nonce at once cost one quote, and each has their own spelling of it', async () => {
    const all = Promise.withResolvers<void>()
    // No quote comes before all have asked for it.
    const altered = async (_: string, told: object) => {
      await all.promise
      return told
    }
    const { kit, ask, quotes } = await setUp({ altered })
    let held = 0
    const timeout = (_: Request, seconds: number) => void (seconds === 0 && ++held === 100 && all.resolve())
    const connections = { timeout, requestIP: () => ({ address: '127.0.0.1' }) }
    const nonces = Array.from({ length: 100 }, (_, n) => (n % 2 ? NONCE.toUpperCase() : NONCE))
    const answers = nonces.map(async (nonce, n) => {
      const headers = { host: 'gateway.test', 'x-forwarded-for': `127.3.0.${n}` }
      const request = new Request(`${kit.url}/v1/attestation/report?nonce=${nonce}`, { headers })
      return JSON.parse(await (await kit.fetch(request, connections)).text()).gateway_attestation.request_nonce
    })
    expect(await Promise.all(answers)).toEqual(nonces)
    expect(quotes()).toBe(1)
    await ask(`?nonce=${NONCE}`)
    expect(quotes()).toBe(2)
  })

  test('with nonces of their own four have the agent at once, and the others after them', async () => {
    let [open, most] = [0, 0]
    const altered = async (method: string, told: object) => {
      if (method !== 'GetQuote') return told
      most = Math.max(most, ++open)
      // Whoever else may come in meanwhile does.
      await Bun.sleep(1)
      open--
      return told
    }
    const { told } = await setUp({ altered })
    const nonces = Array.from({ length: 40 }, (_, n) => String(n).padStart(64, '0'))
    const all = await Promise.all(nonces.map(nonce => told(`?nonce=${nonce}`)))
    expect(all.map(({ gateway_attestation: own }) => own.request_nonce)).toEqual(nonces)
    expect(most).toBe(4)
  })

  test('those without a nonce are given the same for five minutes, by whichever key', async () => {
    const { told, quotes, clock } = await setUp()
    const first = (await told()).gateway_attestation
    clock.pass(299_999)
    const second = (await told('?signing_algo=ecdsa')).gateway_attestation
    expect([second.intel_quote, second.request_nonce]).toEqual([first.intel_quote, first.request_nonce])
    expect(quotes()).toBe(1)
    clock.pass(1)
    const third = (await told()).gateway_attestation
    expect(quotes()).toBe(2)
    expect(third.request_nonce).toMatch(/^[\da-f]{64}$/)
    expect(third.request_nonce).not.toBe(first.request_nonce)
  })

  test('one address has a limit of its own', async () => {
    const { ask } = await setUp()
    const headers = { 'x-forwarded-for': '203.0.113.7' }
    const all = await Promise.all(Array.from({ length: 21 }, () => ask('', { headers })))
    expect(all.filter(({ status }) => status === 429)).toHaveLength(1)
  })
})

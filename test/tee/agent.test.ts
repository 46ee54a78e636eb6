import { afterEach, describe, expect, test } from 'bun:test'
import { inspect } from 'node:util'
import { Problem } from '../../src/protocol/problem.ts'
import { type Agent, agent } from '../../src/tee/agent.ts'
import { differing } from '../../src/tee/event-log.ts'
import { parseQuote } from '../../src/tee/quote.ts'
import { overSockets } from '../../src/tee/sockets.ts'
import { agentOnSocket, type Fault, refusing, type SocketAgent, telling } from '../kit/agent.ts'

const served: SocketAgent[] = []
afterEach(async () => {
  await Promise.all(served.splice(0).map(({ stop }) => stop()))
})

/** A client of an agent on a real socket, which may be at fault. */
function asking(fault?: Fault, withinMs?: number): Agent {
  const played = agentOnSocket(fault && { fault })
  served.push(played)
  return agent(overSockets([played.path]), withinMs)
}

const OURS = new Uint8Array(64).fill(7)
const quoting = (change: (told: Record<string, unknown>) => unknown) => asking(telling('GetQuote', change)).quote(OURS)

async function problemOf(act: Promise<unknown>): Promise<Problem> {
  const error = await act.then(
    () => undefined,
    thrown => thrown,
  )
  if (error instanceof Problem) return error
  throw new Error(`no problem, but ${inspect(error)}`)
}

/** Replaces one event's fields, by its name, in a log as it is told. */
function eventsChanged(text: unknown, change: (event: Record<string, unknown>) => object): string {
  return JSON.stringify((JSON.parse(String(text)) as Record<string, unknown>[]).map(change))
}

describe('an agent that is as it should be', () => {
  test('quotes what it is asked for, with a log that replays', async () => {
    const { quote, events, vmConfig } = await asking().quote(OURS)
    const parsed = parseQuote(quote)
    expect(Buffer.from(parsed.body.reportData)).toEqual(Buffer.from(OURS))
    expect(differing(parsed, events)).toEqual([])
    expect(JSON.parse(vmConfig ?? '')).toMatchObject({ cpu_count: 2 })
  })

  test('tells of the application, whose compose file has letters of two bytes', async () => {
    const { appId, appCompose, told } = await asking().info()
    expect(new Bun.CryptoHasher('sha256').update(appCompose).digest('hex')).toBe(String(told['compose_hash']))
    expect(appCompose).toContain('für')
    expect(String(told['compose_hash'])).toStartWith(appId)
  })

  test('derives a key for each path, and the same one again', async () => {
    const { key } = asking()
    const [one, again, other] = await Promise.all([key('data/v1'), key('data/v1'), key('receipt/v1')])
    expect([one.length, Buffer.compare(one, again), Buffer.compare(one, other) === 0]).toEqual([32, 0, false])
  })

  test('tells its version', async () => {
    expect(await asking().version()).toBe('0.5.8')
  })
})

describe('an agent that is older, newer or otherwise spoken', () => {
  test('one before 0.5.7 has no version', async () => {
    const old = asking(refusing('Version', 'Service not found: Version'))
    expect(await old.version()).toBeUndefined()
  })

  test('one before 0.5.4 tells no vm_config; one of 0.4.2 tells of a quote and its log alone', async () => {
    const one = await quoting(({ vm_config: _, ...told }) => told)
    expect(one.vmConfig).toBeUndefined()
    const older = await quoting(({ quote, event_log }) => ({ quote, event_log }))
    expect(differing(parseQuote(older.quote), older.events)).toEqual([])
  })

  test('one of 0.5.3 tells less of its machine', async () => {
    const { appId, appCompose } = await asking(
      telling('Info', ({ app_id, instance_id, app_cert, tcb_info, app_name }) => ({
        ...{ app_id, instance_id, app_cert, tcb_info, app_name },
      })),
    ).info()
    expect([appId.length, appCompose.length > 0]).toEqual([40, true])
  })

  test.each<[string, unknown, string]>([
    ['an object', { app_compose: '{"ä":1}' }, '{"ä":1}'],
    ['an empty text, where it keeps it to itself', '', ''],
    ['nothing', undefined, ''],
  ])('one may tell of its TCB in %s', async (_, tcb_info, compose) => {
    const told = asking(telling('Info', info => ({ ...info, tcb_info })))
    expect((await told.info()).appCompose).toBe(compose)
  })

  test('digests that were stripped from RTMR3 are computed', async () => {
    const { quote, events } = await quoting(told => ({
      ...told,
      event_log: eventsChanged(told['event_log'], event => (event['imr'] === 3 ? { ...event, digest: '' } : event)),
    }))
    expect(differing(parseQuote(quote), events)).toEqual([])
  })

  test('an answer in capitals and with members of tomorrow is understood', async () => {
    const { quote } = await quoting(told => ({
      ...told,
      quote: String(told['quote']).toUpperCase(),
      attestation: '00',
    }))
    expect(parseQuote(quote).version).toBe(4)
  })
})

describe('an agent that is at fault', () => {
  test.each<[string, (told: Record<string, unknown>) => unknown]>([
    ['tells that it quoted other report data', told => ({ ...told, report_data: '08'.repeat(64) })],
    ['tells report data that is cut short', told => ({ ...told, report_data: '07'.repeat(63) })],
    [
      'quotes other report data',
      told => ({ ...told, quote: String(told['quote']).replaceAll('07'.repeat(64), '08'.repeat(64)) }),
    ],
  ])('one that %s is caught', async (_, change) => {
    expect((await problemOf(quoting(change))).code).toBe('quote_mismatch')
  })

  test.each<[string, (told: Record<string, unknown>) => unknown]>([
    ['no quote', ({ quote: _, ...told }) => told],
    ['a quote in base64', told => ({ ...told, quote: Buffer.from(String(told['quote']), 'hex').toString('base64') })],
    ['a quote with 0x', told => ({ ...told, quote: `0x${told['quote']}` })],
    ['a quote that is cut short', told => ({ ...told, quote: String(told['quote']).slice(0, -2) })],
    ['no event log', ({ event_log: _, ...told }) => told],
    ['an event log that is no text', told => ({ ...told, event_log: [] })],
    ['an event log that is no JSON', told => ({ ...told, event_log: '[' })],
    ['an event log that is no array', told => ({ ...told, event_log: '{}' })],
    ['a list', () => []],
    ['null', () => null],
    ['a text', () => 'quote'],
  ])('one that gives %s is not understood', async (_, change) => {
    expect((await problemOf(quoting(change))).code).toBe('agent_failed')
  })

  test('one whose JSON breaks off is not understood, and nothing of it is shown', async () => {
    const secret = 'c0ffee'.repeat(10)
    const broken = asking(() => new Response(`{"key":"${secret}`))
    for (const act of [broken.key('data/v1'), broken.info(), broken.version(), broken.quote(OURS)]) {
      const problem = await problemOf(act)
      expect(problem.code).toBe('agent_failed')
      expect(inspect(problem, { depth: 9 })).not.toContain('c0ffee')
    }
  })

  test('what one says of its refusal is shown to nobody', async () => {
    const problem = await problemOf(asking(refusing('GetKey', 'no key but c0ffee')).key('data/v1'))
    expect([problem.code, problem.message]).toEqual([
      'agent_failed',
      'The guest agent of this TEE refused GetKey with status 400.',
    ])
    expect(inspect(problem, { depth: 9 })).not.toContain('c0ffee')
  })

  test.each([31, 33, 0])('a key of %d bytes is none', async length => {
    const problem = await problemOf(asking(telling('GetKey', told => ({ ...told, key: 'ab'.repeat(length) }))).key('x'))
    expect([problem.code, problem.message.includes('abab')]).toEqual(['agent_failed', false])
  })

  test.each<[string, unknown]>([
    ['a number', 5],
    ['a list', []],
    ['text that is no JSON', '{'],
    ['null', null],
  ])('one that tells of its TCB in %s is not understood', async (_, tcb_info) => {
    const told = asking(telling('Info', info => ({ ...info, tcb_info })))
    expect((await problemOf(told.info())).code).toBe('agent_failed')
  })

  test('one that is slow is given up', async () => {
    const { promise, resolve } = Promise.withResolvers<Response>()
    const problem = await problemOf(asking(() => promise, 20).info())
    expect(problem.code).toBe('agent_timeout')
    resolve(new Response())
  })

  test('a certificate without a chain is none', async () => {
    for (const chain of [[], undefined, [1]]) {
      const gives = asking(() => Response.json({ key: 'k', certificate_chain: chain }))
      expect((await problemOf(gives.tlsKey('h', []))).code).toBe('agent_failed')
    }
  })
})

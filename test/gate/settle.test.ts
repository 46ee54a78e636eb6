import { expect, test } from 'bun:test'
import type { Entry } from '../../src/gate/batch.ts'
import { inFlight } from '../../src/gate/in-flight.ts'
import { settle } from '../../src/gate/settle.ts'
import { type Ending, Exchange, type Route } from '../../src/protocol/exchange.ts'
import { requestIdFrom } from '../../src/protocol/ids.ts'
import { NO_METERS } from '../../src/protocol/meters.ts'
import type { Usage } from '../../src/protocol/usage.ts'

const STATED: Usage = { model: 'small', prompt: 7, completion: 5, cached: 2, cost: '0.000001000000', estimated: false }

interface Lived {
  status: number
  ending?: Ending
  usage?: Usage | undefined
  route?: string
  reached?: boolean
  charged?: boolean
  refund?: () => Promise<void>
}

/** What is booked and given back for an exchange that lived so: 41 bytes went up, 9 events came. */
async function settled({ status, ending = 'complete', route = '/v1/chat/completions', ...lived }: Lived) {
  const entries: (Entry | undefined)[] = []
  const refunds: string[] = []
  const events: string[] = []
  const exchange = new Exchange(requestIdFrom(null), 1_767_225_600_000)
  const { reached = true, charged = true, usage, refund = async () => undefined } = lived
  Object.assign(exchange, {
    backend: 'tinfoil',
    bytesUp: 41,
    events: 9,
    usage,
    reached,
    charged,
    route: route as Route,
  })
  exchange.principal = { kind: 'jwt', owner: 'j_ada', scopes: new Set(), client: undefined }
  const unused = () => {
    throw new Error('not of settling')
  }
  const settler = settle({
    meters: NO_METERS,
    ledger: {
      isFull: false,
      wasAnswered: unused,
      spent: unused,
      flush: unused,
      close: unused,
      enter: entry => entries.push(entry),
    },
    callers: {
      rpm: 60,
      take: unused,
      sweep: unused,
      refund: owner => {
        refunds.push(owner)
        return refund()
      },
    },
    slots: undefined,
    bans: { leave: () => undefined },
    inFlight: inFlight(1),
    receipts: { finish: () => undefined },
    log: (_, event) => events.push(event),
  })
  settler(exchange, { status, ending, bytes: 100, firstByteAt: undefined })
  await Bun.sleep(0)
  const [entry] = entries
  const { prompt, completion, cached, cost, estimated, model } = entry?.usage ?? {}
  return { entry, refunds, events, booked: entry && [prompt, completion, cached, cost, estimated, model] }
}

const NOTHING = [0, 0, 0, undefined, false, undefined]
const GUESSED = [11, 9, 0, undefined, true, undefined]
const TOLD = [7, 5, 2, '0.000001000000', false, 'small']

test.each<[string, Lived, (string | number | boolean | undefined)[] | undefined]>([
  ['a complete answer costs what was stated', { status: 200, usage: STATED }, TOLD],
  ['one without a statement is estimated', { status: 200 }, GUESSED],
  ['one that the client cut costs what was stated', { status: 200, ending: 'cancelled', usage: STATED }, TOLD],
  ['one that the client cut before that is estimated', { status: 200, ending: 'cancelled' }, GUESSED],
  ['one that the client did not wait for is estimated', { status: 499, ending: 'cancelled' }, GUESSED],
  ['one that broke costs what was stated', { status: 200, ending: 'failed', usage: STATED }, TOLD],
  ['one that broke before that costs nothing', { status: 200, ending: 'failed' }, NOTHING],
  ['one that is not metered is not estimated', { status: 200, route: '/v1/models' }, NOTHING],
  ['a refusal of the enclave is not estimated', { status: 400 }, NOTHING],
  ['a refusal that states its cost costs that', { status: 400, usage: STATED }, TOLD],
  ['a 422 costs nothing', { status: 422, usage: STATED }, [...NOTHING.slice(0, 5), 'small']],
  ['a 429 costs nothing', { status: 429 }, NOTHING],
  ['a 503 costs nothing', { status: 503, usage: STATED }, [...NOTHING.slice(0, 5), 'small']],
  ['a 504 after the client left costs nothing', { status: 504, ending: 'cancelled' }, NOTHING],
  ['what reached no enclave is not booked', { status: 502, reached: false }, undefined],
])('%s', async (_, lived, booked) => {
  expect((await settled(lived)).booked).toEqual(booked)
})

test('an entry says whose it is, when, where, how it ended, and how much it moved', async () => {
  expect((await settled({ status: 200, ending: 'cancelled' })).entry).toMatchObject({
    owner: 'j_ada',
    at: 1_767_225_600_000,
    backend: 'tinfoil',
    route: '/v1/chat/completions',
    status: 200,
    ending: 'cancelled',
    bytesUp: 41,
    bytesDown: 100,
  })
})

test.each([
  [422, 1],
  [429, 1],
  [500, 1],
  [502, 1],
  [503, 1],
  [504, 1],
  [200, 0],
  [400, 0],
  [404, 0],
  [409, 0],
  [499, 0],
])('a %d gives back %d rate tokens', async (status, count) => {
  expect((await settled({ status })).refunds).toHaveLength(count)
  expect((await settled({ status, reached: false })).refunds).toHaveLength(count)
  expect((await settled({ status, charged: false })).refunds).toEqual([])
})

test('a refund that fails is a line in the log', async () => {
  const { events } = await settled({ status: 503, refund: () => Promise.reject(new Error('no database')) })
  expect(events).toEqual(['refund_failed'])
})

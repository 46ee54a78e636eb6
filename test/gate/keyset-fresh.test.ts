import { afterEach, describe, expect, jest, test } from 'bun:test'
import { type KeySet, keySet } from '../../src/gate/keyset.ts'
import { Problem } from '../../src/protocol/problem.ts'
import { type Clock, clockAt } from '../kit/clock.ts'
import { signer } from '../kit/jwt.ts'
import { outcome, problemOf } from '../kit/problem.ts'

const [one, two] = [await signer('one'), await signer('two')]
const HOUR = 3_600_000
const DAY = 24 * HOUR

interface Endpoint {
  loads: number
  /** What it publishes; `undefined` while it is down. */
  keys: unknown[] | undefined
}

interface Started {
  set: KeySet
  endpoint: Endpoint
  clock: Clock
}

const stops: (() => unknown)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
  jest.useRealTimers()
})

function start(keys: unknown[] | undefined): Started {
  const endpoint: Endpoint = { loads: 0, keys }
  const clock = clockAt()
  const load = async () => {
    endpoint.loads++
    await null
    if (!endpoint.keys) throw new Problem('upstream_unreachable', 'down')
    return { keys: endpoint.keys }
  }
  const set = keySet({ load, now: clock.now, log: () => undefined })
  stops.push(set.stop)
  return { set, endpoint, clock }
}

async function startWith(...keys: unknown[]): Promise<Started> {
  const started = start(keys)
  await outcome(() => started.set.find(''))
  return started
}

describe('while the endpoint is down', () => {
  test('the last good keys hold for 24 hours to the millisecond', async () => {
    const { set, endpoint, clock } = await startWith(one.jwk)
    endpoint.keys = undefined
    clock.pass(DAY - 1)
    expect(await outcome(() => set.find('one'))).toBe('fine')
    expect(set.isReady()).toBe(true)
    clock.pass(1)
    expect(set.isReady()).toBe(false)
    const problem = await problemOf(() => set.find('one'))
    expect(problem.code).toBe('keys_unavailable')
    expect(problem.status).toBe(503)
  })

  test('an unknown kid is keys_unavailable too once they are too old', async () => {
    const { set, endpoint, clock } = await startWith(one.jwk)
    endpoint.keys = undefined
    clock.pass(DAY)
    expect(await outcome(() => set.find('two'))).toBe('keys_unavailable')
  })

  test('and up again, a token that asks finds the keys', async () => {
    const { set, endpoint, clock } = await startWith(one.jwk)
    endpoint.keys = undefined
    clock.pass(DAY)
    expect(await outcome(() => set.find('one'))).toBe('keys_unavailable')
    endpoint.keys = [one.jwk]
    clock.pass(30_000)
    expect(await outcome(() => set.find('one'))).toBe('fine')
  })
})

describe('before the first keys have come', () => {
  test('a token is not judged: the outage is not its fault', async () => {
    const { set, endpoint } = start(undefined)
    const problem = await problemOf(() => set.find('one'))
    expect(problem.code).toBe('keys_unavailable')
    expect(Number(problem.headers['retry-after'])).toBeGreaterThan(0)
    expect(await outcome(() => set.find('one'))).toBe('keys_unavailable')
    expect(endpoint.loads).toBe(1)
  })

  test('all that ask wait for the one fetch', async () => {
    const { set, endpoint } = start([one.jwk])
    expect(await Promise.all(Array.from({ length: 50 }, () => outcome(() => set.find('one'))))).toEqual(
      Array(50).fill('fine'),
    )
    expect(endpoint.loads).toBe(1)
  })
})

describe('an unknown kid', () => {
  test('has the keys fetched again, once in 30 seconds whatever kids are made up', async () => {
    const { set, endpoint, clock } = await startWith(one.jwk)
    const ask = (count: number) =>
      Promise.all(Array.from({ length: count }, (_, at) => outcome(() => set.find(`made-up-${clock.now()}-${at}`))))
    clock.pass(29_999)
    expect(new Set(await ask(10))).toEqual(new Set(['token_unknown_key']))
    expect(endpoint.loads).toBe(1)
    clock.pass(1)
    expect(new Set(await ask(100))).toEqual(new Set(['token_unknown_key']))
    expect(endpoint.loads).toBe(2)
    await ask(100)
    clock.pass(29_999)
    await ask(100)
    expect(endpoint.loads).toBe(2)
    clock.pass(1)
    await ask(100)
    expect(endpoint.loads).toBe(3)
  })

  test('joins a fetch in flight, however long that has been under way', async () => {
    const clock = clockAt()
    const gate = Promise.withResolvers<unknown>()
    let loads = 0
    const load = () => {
      loads++
      return gate.promise
    }
    const set = keySet({ load, now: clock.now, log: () => undefined })
    stops.push(set.stop)
    clock.pass(30_000)
    const asked = ['one', 'made-up'].map(kid => outcome(() => set.find(kid)))
    gate.resolve({ keys: [one.jwk] })
    expect(await Promise.all(asked)).toEqual(['fine', 'token_unknown_key'])
    expect(loads).toBe(1)
  })

  test('costs no more fetches while they fail', async () => {
    const { set, endpoint, clock } = await startWith(one.jwk)
    endpoint.keys = undefined
    clock.pass(30_000)
    for (let at = 0; at < 20; at++) expect(await outcome(() => set.find(`${at}`))).toBe('token_unknown_key')
    expect(endpoint.loads).toBe(2)
  })

  test('that is ambiguous is looked up no more often', async () => {
    const { set, endpoint, clock } = await startWith(one.jwk, one.jwk)
    clock.pass(30_000)
    for (let at = 0; at < 20; at++) expect(await outcome(() => set.find('one'))).toBe('token_unknown_key')
    expect(endpoint.loads).toBe(2)
  })

  test('is known once the issuer has rotated it in, and unknown once it is rotated out', async () => {
    const { set, endpoint, clock } = await startWith(one.jwk)
    endpoint.keys = [one.jwk, two.jwk]
    clock.pass(30_000)
    expect(await outcome(() => set.find('two'))).toBe('fine')
    expect(await outcome(() => set.find('one'))).toBe('fine')
    endpoint.keys = [two.jwk]
    clock.pass(30_000)
    await outcome(() => set.find('made-up'))
    expect(await outcome(() => set.find('one'))).toBe('token_unknown_key')
    expect(await outcome(() => set.find('two'))).toBe('fine')
  })
})

describe('the generation', () => {
  test('changes with the keys and with nothing else', async () => {
    const { set, endpoint, clock } = await startWith(one.jwk, two.jwk)
    const after = async (keys: unknown[] | undefined) => {
      endpoint.keys = keys
      clock.pass(30_000)
      await outcome(() => set.find('made-up'))
      return set.generation
    }
    const first = set.generation
    expect(await after([two.jwk, one.jwk])).toBe(first)
    expect(await after([one.jwk, { kty: 'oct' }, { ...two.jwk, x5t: 'new' }])).toBe(first)
    expect(await after(undefined)).toBe(first)
    const second = await after([one.jwk])
    expect(second).not.toBe(first)
    const third = await after([{ ...two.jwk, kid: 'one' }])
    expect(third).not.toBe(second)
    const fourth = await after([{ ...two.jwk, kid: 'one' }, one.jwk])
    expect(fourth).not.toBe(third)
    expect(await after([])).not.toBe(fourth)
  })
})

describe('in the background', () => {
  const turns = async () => {
    for (let turn = 0; turn < 20; turn++) await null
  }

  test('the keys are fetched every hour', async () => {
    jest.useFakeTimers()
    const { endpoint } = start([])
    await turns()
    for (const loads of [1, 2, 3]) {
      jest.advanceTimersByTime(HOUR - 1)
      await turns()
      expect(endpoint.loads).toBe(loads)
      jest.advanceTimersByTime(1)
      await turns()
      expect(endpoint.loads).toBe(loads + 1)
    }
  })

  test('a fetch that failed is tried again soon, then less and less often, and every minute at the least', async () => {
    jest.useFakeTimers()
    const { endpoint } = start(undefined)
    await turns()
    const pauses: number[] = []
    for (let loads = 1; loads < 10; loads++) {
      let pause = 0
      while (endpoint.loads === loads && pause < HOUR) {
        jest.advanceTimersByTime(1000)
        await turns()
        pause += 1000
      }
      pauses.push(pause)
    }
    expect(pauses[0]).toBeLessThanOrEqual(2000)
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b))
    expect(pauses.at(-1)).toBe(60_000)
  })

  test('success makes it hourly again', async () => {
    jest.useFakeTimers()
    const { endpoint, set } = start(undefined)
    await turns()
    endpoint.keys = []
    jest.advanceTimersByTime(5000)
    await turns()
    expect(set.isReady()).toBe(true)
    const { loads } = endpoint
    jest.advanceTimersByTime(HOUR - 5000)
    await turns()
    expect(endpoint.loads).toBe(loads)
  })

  test('nothing happens after it was stopped', async () => {
    jest.useFakeTimers()
    const { endpoint, set } = start(undefined)
    set.stop()
    await turns()
    jest.advanceTimersByTime(DAY)
    await turns()
    expect(endpoint.loads).toBe(1)
  })
})

import { expect, test } from 'bun:test'
import { X509Certificate } from 'node:crypto'
import { standInAgent } from '../../src/dev/agent.ts'
import type { Fields } from '../../src/protocol/log.ts'
import { agent } from '../../src/tee/agent.ts'
import type { Reach } from '../../src/tee/sockets.ts'
import { pairIssued } from '../../src/tls/issued.ts'
import { TlsFault } from '../../src/tls/pair.ts'
import { renewing } from '../../src/tls/renewing.ts'
import type { Source, Taken } from '../../src/tls/source.ts'
import { clockAt } from '../kit/clock.ts'
import { goodPair } from '../kit/tls.ts'

const DAY_MS = 86_400_000

/** Looks at a source, and notes what is served with and what the log says. */
function watching(source: Source, first: Taken, now = Date.now, retired = Promise.resolve()) {
  const served: string[] = []
  const lines: [string, Fields | undefined][] = []
  const look = renewing({
    source,
    first,
    replace: pair => {
      served.push(pair.spki)
      return retired
    },
    now,
    log: (_, event, fields) => lines.push([event, fields]),
  })
  return { look, served, lines }
}

/** A source of what a test puts into it. */
function put(first: Taken) {
  let there: Taken | TlsFault = first
  const stamp = () => (there instanceof TlsFault ? there.message : there.stamp)
  const source: Source = {
    load: () => (there instanceof TlsFault ? Promise.reject(there) : Promise.resolve(there)),
    isDue: inForce => inForce.stamp !== stamp(),
    stamp,
  }
  return {
    source,
    put: (next: Taken | TlsFault) => {
      there = next
    },
  }
}

const taken = (stamp: string): Taken => ({ ...goodPair(), stamp })

test('another pair is served with once, and its days are told', async () => {
  const { source, put: change } = put(taken('first'))
  const { look, served, lines } = watching(source, await source.load())
  await look()
  expect(served).toEqual([])
  const next = taken('second')
  change(next)
  await look()
  await look()
  expect(served).toEqual([next.spki])
  expect(lines).toEqual([['tls_renewed', { days: 0 }]])
})

test('the same pair, written again, is no other', async () => {
  const first = taken('first')
  const { source, put: change } = put(first)
  const { look, served, lines } = watching(source, first)
  change({ ...first, stamp: 'written again' })
  await look()
  expect([served, lines]).toEqual([[], []])
})

test('what cannot be served with leaves the old one in force, with one line for each fault and each change', async () => {
  const { source, put: change } = put(taken('first'))
  const { look, served, lines } = watching(source, await source.load())
  const faults = [new TlsFault('mismatch', 'one'), new TlsFault('mismatch', 'another'), new TlsFault('expired', 'last')]
  for (const fault of faults) {
    change(fault)
    await look()
    await look()
  }
  expect(served).toEqual([])
  expect(lines.map(([event, fields]) => [event, fields?.tls])).toEqual([
    ['tls_kept', 'mismatch'],
    ['tls_kept', 'mismatch'],
    ['tls_kept', 'expired'],
  ])
  const good = taken('good')
  change(good)
  await look()
  expect(served).toEqual([good.spki])
})

test('a third pair waits until the first one has nothing to accept any more', async () => {
  const first = taken('first')
  const { source, put: change } = put(first)
  const retired = Promise.withResolvers<void>()
  const { look, served } = watching(source, first, Date.now, retired.promise)
  change(taken('second'))
  const looked = look()
  await Bun.sleep(0)
  change(taken('third'))
  await look()
  expect(served).toHaveLength(1)
  retired.resolve()
  await looked
  await look()
  expect(served).toHaveLength(2)
})

test('what cannot be listened with is tried again', async () => {
  const first = taken('first')
  const { source, put: change } = put(first)
  let tries = 0
  const replace = () => {
    if (++tries === 1) throw new Error('no descriptor is left')
    return Promise.resolve()
  }
  const events: string[] = []
  const look = renewing({ source, first, replace, now: Date.now, log: (_, event) => events.push(event) })
  change(taken('second'))
  await look()
  await look()
  expect([tries, events]).toEqual([2, ['tls_kept', 'tls_renewed']])
})

test("the agent's pair is for the host, and another with a fresh key comes after two thirds of its life", async () => {
  const clock = clockAt()
  const { reach } = standInAgent({ seed: 'tests', now: clock.now })
  const source = pairIssued({ agent: agent(reach), host: 'gateway.example', now: clock.now })
  const first = await source.load()
  expect(new X509Certificate(first.chain).checkHost('gateway.example')).toBe('gateway.example')
  const { look, served, lines } = watching(source, first, clock.now)
  const life = first.to - clock.now()
  clock.pass((life * 2) / 3 - DAY_MS)
  await look()
  expect(served).toEqual([])
  clock.pass(2 * DAY_MS)
  await look()
  expect(served).toHaveLength(1)
  expect(served).not.toEqual([first.spki])
  await look()
  expect(served).toHaveLength(1)
  expect(lines).toEqual([['tls_renewed', { days: 3650 }]])
})

test('while the agent does not answer, the old pair stays and one line says so; then another comes', async () => {
  const clock = clockAt()
  const { reach: toStandIn } = standInAgent({ seed: 'tests', now: clock.now })
  let isGone = false
  const reach: Reach = (...asked) => (isGone ? Promise.reject(new Error('gone')) : toStandIn(...asked))
  const source = pairIssued({ agent: agent(reach), host: 'gateway.example', now: clock.now })
  const first = await source.load()
  const { look, served, lines } = watching(source, first, clock.now)
  isGone = true
  clock.pass(first.to - clock.now() - DAY_MS)
  await look()
  await look()
  expect([served, lines.length, lines[0]?.[1]?.tls]).toEqual([[], 1, 'agent'])
  isGone = false
  await look()
  expect(served).toHaveLength(1)
})

test("an agent's key that is not its certificate's is refused", async () => {
  const clock = clockAt()
  const giving = agent(standInAgent({ seed: 'tests', now: clock.now }).reach)
  const tlsKey = async (host: string) => ({
    ...(await giving.tlsKey(host, [])),
    key: (await giving.tlsKey(host, [])).key,
  })
  const source = pairIssued({ agent: { tlsKey }, host: 'gateway.example', now: clock.now })
  await expect(source.load()).rejects.toMatchObject({ code: 'mismatch' })
})

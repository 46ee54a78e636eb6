import { expect, test } from 'bun:test'
import type { Connection, Told } from '../../src/upstream/connection.ts'
import { Site } from '../../src/upstream/site.ts'
import { answerBytes } from '../kit/stage.ts'

const OK = Buffer.from(answerBytes('200 OK', {}, 'ok'))
const user: Told = { reached: () => undefined, answered: () => undefined, failed: () => undefined }

/** A server whose connections stand when they are told to, and what was ended of them. */
function served() {
  const dialled: Connection[] = []
  const ended: Connection[] = []
  let tick = 0
  const site = new Site(
    connection => void dialled.push(connection),
    15_000,
    () => tick,
  )
  const stand = (connection: Connection) => {
    const end = () => void ended.push(connection)
    const none = () => undefined
    const flow = { pause: none, resume: none, ref: none, unref: none }
    const line = { ...flow, write: (bytes: Uint8Array) => bytes.length, close: end, terminate: end }
    connection.made(line)
    connection.stands()
  }
  /** Asks by one, and has the answer. */
  const ask = (connection = site.take()) => {
    connection.begin(user, false, true)
    if (!connection.isStanding) stand(connection)
    connection.isSent = true
    return connection
  }
  const answered = (connection: Connection, bytes = OK) => connection.heard(bytes)
  const at = (now: number) => {
    tick = now
  }
  return { site, dialled, ended, stand, ask, answered, at }
}

test('the connection that was free last is taken first, and none twice', () => {
  const { site, dialled, ask, answered } = served()
  const [one, other] = [ask(), ask()]
  answered(one)
  answered(other)
  expect([site.take(), site.take()]).toEqual([other, one])
  expect(site.take().isStanding).toBe(false)
  expect(dialled).toEqual([one, other])
})

test('one that was free too long is ended, and never taken', () => {
  const { site, ended, ask, answered, at } = served()
  const [old, young] = [ask(), ask()]
  answered(old)
  at(14_999)
  expect(site.take()).toBe(old)
  ask(old)
  answered(old)
  answered(young)
  at(29_998)
  expect([site.take(), site.take()]).toEqual([young, old])
  ask(old)
  answered(old)
  at(44_998)
  expect([site.take().isStanding, ended]).toEqual([false, [old]])
})

test.each([
  ['timeout=5', 3999],
  ['timeout=5, max=100', 3999],
  ['max=100, Timeout=5', 3999],
  ['timeout=1', -1],
  ['timeout=60', 14_999],
  ['timeout=soon', 14_999],
  ['mytimeout=5', 14_999],
])('one that its server soon closes is not taken then: Keep-Alive: %s', (said, lastly) => {
  const { site, ended, ask, answered, at } = served()
  const connection = ask()
  answered(connection, Buffer.from(answerBytes('200 OK', { 'Keep-Alive': said }, 'ok')))
  at(lastly + 1)
  expect([site.take().isStanding, ended]).toEqual([false, [connection]])
  if (lastly < 0) return
  const other = ask()
  answered(other, Buffer.from(answerBytes('200 OK', { 'Keep-Alive': said }, 'ok')))
  at(lastly + 1 + lastly)
  expect(site.take()).toBe(other)
})

test('one that ends while it is free is never taken', () => {
  const { site, ask, answered } = served()
  const connection = ask()
  answered(connection)
  connection.ended(true)
  expect(site.take()).not.toBe(connection)
})

test('of more than 256 that are free the oldest is ended', () => {
  const { ended, ask, answered } = served()
  const all = Array.from({ length: 257 }, () => ask())
  for (const connection of all) answered(connection)
  expect(ended).toEqual(all.slice(0, 1))
})

test('one that is given up while it is made is cut when it stands, and taken up again where there are too many', () => {
  const { site, dialled, ended, stand } = served()
  for (let asked = 0; asked < 500; asked++) {
    const connection = site.take()
    connection.begin(user, false, true)
    connection.outbox.write(Buffer.from('never sent'))
    connection.abandon()
  }
  expect(dialled.length).toBe(129)
  for (const connection of dialled) stand(connection)
  expect(ended).toEqual(dialled)
  expect(site.take().isStanding).toBe(false)
  expect(dialled.length).toBe(129)
})

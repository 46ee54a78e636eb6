import { afterAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { devGateways } from '../kit/dev.ts'
import { booked } from '../kit/entries.ts'
import { eventually } from '../kit/stage.ts'

const gateways = devGateways()
afterAll(gateways.clear)

const chat = ({ url, authorization }: { url: string; authorization: string }, words = 1) =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization },
    body: JSON.stringify({ model: 'any', stream: true, messages: [{ role: 'user', content: 'word '.repeat(words) }] }),
  })

test('a clean stop loses no request, not even those that it cuts', async () => {
  const cwd = gateways.directory()
  const url = `sqlite:${join(cwd, 'x.db')}`
  const gateway = await gateways.start(cwd, { DRAIN_SECONDS: '0', CONCURRENT_LIMIT: '0' })
  await (await chat(gateway)).text()
  const streams = await Promise.all(Array.from({ length: 8 }, () => chat(gateway, 400)))
  const cut = streams.map(stream =>
    stream.text().then(
      () => 'whole',
      () => 'broken',
    ),
  )
  expect(await gateway.stop()).toBe(0)
  expect(await Promise.all(cut)).toEqual(Array(8).fill('broken'))
  expect((await booked(url, 'ledger'))[0]).toBe(9)
  expect(await booked(url, 'usage_hours')).toEqual(await booked(url, 'ledger'))
})

test('kill -9 loses no request that ended a second ago, and sums and rows stay equal', async () => {
  const cwd = gateways.directory()
  const url = `sqlite:${join(cwd, 'x.db')}`
  const gateway = await gateways.start(cwd)
  await (await chat(gateway)).text()
  await eventually(async () => (await booked(url, 'ledger'))[0] === 1, 'the row', 1000)
  await (await chat(gateway)).text()
  gateway.signal('SIGKILL')
  await gateway.exited
  expect((await booked(url, 'ledger'))[0]).toBeOneOf([1, 2])
  expect(await booked(url, 'usage_hours')).toEqual(await booked(url, 'ledger'))
})

test('two processes on one database see what the other booked', async () => {
  const cwd = gateways.directory()
  const url = `sqlite:${join(cwd, 'x.db')}`
  const secret = { ISSUER: 'https://shared.example', TOKEN_LIMIT_DAY: '1000000' }
  const one = await gateways.start(cwd, secret)
  const other = await gateways.start(cwd, secret)
  // Both issue for the same user; each knows its own tokens.
  const requests = async ({ url, authorization }: typeof one) => {
    const answer = await fetch(`${url}/v1/usage`, { headers: { authorization } })
    return ((await answer.json()) as { total: { requests: number } }).total.requests
  }
  await (await chat(one)).text()
  await (await chat(other)).text()
  await eventually(async () => (await booked(url, 'ledger'))[0] === 2)
  expect([await requests(one), await requests(other)]).toEqual([2, 2])
  const left = await chat(other)
  expect(left.headers.get('x-ratelimit-limit-tokens')).toBe('1000000')
  await left.text()
})

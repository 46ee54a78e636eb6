import { afterAll, expect, test } from 'bun:test'
import { listening } from '../../src/listening.ts'
import { reporters } from '../kit/reporting.ts'
import { goodPair, tlsClient } from '../kit/tls.ts'

const { setUp, clear } = reporters()
afterAll(clear)

test('a report over TLS states the key of the very connection that it comes over, while keys change too', async () => {
  const { kit } = await setUp()
  const first = goodPair()
  const listener = listening(
    { host: '127.0.0.1', port: 0, minVersion: '1.3', fetch: kit.fetch, retiringMs: 5000 },
    first,
  )
  let stop: () => void = () => undefined
  const stopped = listener.drained({
    seconds: 1,
    log: () => undefined,
    onSignal: heard => {
      stop = heard
    },
  })
  const before = await tlsClient(listener.port)
  const next = goodPair()
  void listener.replace(next)
  const after = await tlsClient(listener.port)
  expect([before.spki, after.spki]).toEqual([first.spki, next.spki])
  for (const client of [after, before]) {
    client.get('/v1/attestation/report')
    const answer = await client.until('"chat_api_gateway_attestation"')
    expect(/tls_spki_sha256\\":\\"([\da-f]{64})/.exec(answer)?.[1]).toBe(client.spki)
    client.close()
  }
  stop()
  stop()
  await stopped
})

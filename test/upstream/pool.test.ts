import { afterEach, expect, test } from 'bun:test'
import type { Connection } from '../../src/upstream/connection.ts'
import { pool } from '../../src/upstream/pool.ts'
import type { Answer } from '../../src/upstream/received.ts'
import { rawUpstream } from '../kit/raw.ts'
import { answerBytes, eventually, stages } from '../kit/stage.ts'

const { also, clear } = stages()
afterEach(clear)

/** Asks by a connection, and reads the answer. */
async function asked(connection: Connection): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  connection.begin({ reached: () => undefined, answered: resolve, failed: reject }, false, true)
  connection.outbox.write(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
  connection.isSent = true
  for await (const _ of await promise);
}

test('a connection is kept for its own origin, and ended once nobody has taken it for a while', async () => {
  const upstream = also(await rawUpstream(answerBytes('200 OK', {}, 'ok')))
  const connections = pool({}, 1000, 50)
  const origin = new URL(upstream.url)
  const first = connections.take(origin)
  await asked(first)
  expect(connections.take(new URL(`http://localhost:${upstream.port}`))).not.toBe(first)
  expect(connections.fresh(origin)).not.toBe(first)
  const again = connections.take(origin)
  expect(again).toBe(first)
  await asked(again)
  await eventually(() => upstream.wires[0]?.ended === 'fin', 'its end')
  expect(connections.take(origin)).not.toBe(first)
})

import { afterEach, expect, test } from 'bun:test'
import { answerBytes, stages } from '../kit/stage.ts'

const { set, clear } = stages()
afterEach(clear)

const ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'
const ASKED = '{"model":"small","messages":[]}'

/** What goes up of two headers, and the traces in the log. */
async function sent(headers: Record<string, string>) {
  let head = ''
  const { post, kit } = await set(async wire => {
    ;({ head } = await wire.message())
    await wire.send(answerBytes('200 OK', {}, '{}'))
  })
  await (await post(ASKED, { headers })).text()
  const up = head.split('\r\n').filter(line => /^trace/i.test(line))
  return { up, logged: kit.lines.map(line => JSON.parse(line)).flatMap(({ trace }) => trace ?? []) }
}

test('a trace goes on behind the gateway, and stands on both lines of its request', async () => {
  const { up, logged } = await sent({ traceparent: `00-${ID}-${PARENT}-01`, tracestate: 'vendor=zebra' })
  expect(up).toHaveLength(1)
  expect(up[0]).toMatch(new RegExp(`^traceparent: 00-${ID}-(?!${PARENT})[0-9a-f]{16}-01$`, 'i'))
  expect(logged).toEqual([ID, ID])
})

test.each([
  { headers: {} },
  { headers: { traceparent: `00-${ID}-${PARENT}-1` } },
  { headers: { tracestate: 'vendor=zebra' } },
])('without a valid one none is begun: $headers', async ({ headers }) => {
  expect(await sent(headers)).toEqual({ up: [], logged: [] })
})

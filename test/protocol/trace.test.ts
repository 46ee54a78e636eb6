import { expect, test } from 'bun:test'
import { traceFrom, traceparentOf } from '../../src/protocol/trace.ts'

const ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'

test.each([
  [`00-${ID}-${PARENT}-01`, '01'],
  [`00-${ID}-${PARENT}-00`, '00'],
  [`00-${ID}-${PARENT}-03`, '03'],
  // Flags that this version does not know are sent as zero.
  [`00-${ID}-${PARENT}-ff`, '03'],
  [`00-${ID}-${PARENT}-fc`, '00'],
  // A later version may say more.
  [`01-${ID}-${PARENT}-01`, '01'],
  [`cc-${ID}-${PARENT}-01-what-comes`, '01'],
])('%s is continued with a parent of our own', (traceparent, flags) => {
  const trace = traceFrom(traceparent)
  if (!trace) throw new Error('no trace')
  const [first, second] = [traceparentOf(trace), traceparentOf(trace)]
  expect(first).toMatch(new RegExp(`^00-${ID}-[0-9a-f]{16}-${flags}$`))
  expect(first).not.toContain(PARENT)
  expect(second).not.toBe(first)
})

test.each([
  null,
  '',
  'zebra',
  `ff-${ID}-${PARENT}-01`,
  `0-${ID}-${PARENT}-01`,
  `00-${ID}-${PARENT}`,
  `00-${ID}-${PARENT}-1`,
  `00-${ID}-${PARENT}-01-more`,
  `00-${ID}-${PARENT}-01-`,
  `cc-${ID}-${PARENT}-01more`,
  `00-${ID.toUpperCase()}-${PARENT}-01`,
  `00-${'0'.repeat(32)}-${PARENT}-01`,
  `00-${ID}-${'0'.repeat(16)}-01`,
  `00-${ID.slice(1)}-${PARENT}-01`,
  `00-${ID}-${PARENT}-zz`,
  ` 00-${ID}-${PARENT}-01`,
  // Two headers, as servers join them.
  `00-${ID}-${PARENT}-01, 00-${ID}-${PARENT}-01`,
])('%j is no trace', traceparent => {
  expect(traceFrom(traceparent)).toBeUndefined()
})

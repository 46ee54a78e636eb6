import { type Given, judgeReport } from '../../src/verify/report.ts'
import { AT, type Intel, intel, type Twist } from './intel.ts'
import { type ReportTwist, reportBy, SPKI } from './quoting.ts'

/** What reports are asked for with. */
export const NONCE = 'cd'.repeat(32)

/** What is wrong, with whom; nothing is, if nothing is said. */
export interface Case {
  intel?: Twist
  report?: Omit<ReportTwist, 'nonce'>
  given?: Partial<Given>
}

/** What a report is judged by, of a platform of that maker's. */
export const givenBy = (maker: Intel): Given => ({
  nonce: NONCE,
  spki: SPKI,
  expected: {},
  collaterals: [maker.collateral],
  belief: { roots: [maker.root], at: AT },
  second: undefined,
})

/** The verdict about a report in which that is wrong. */
export async function judged({ intel: twist, report, given }: Case) {
  const maker = await intel(twist)
  return judgeReport(await reportBy(maker, { nonce: NONCE, ...report }), { ...givenBy(maker), ...given })
}

/** The exit, and what failed. */
export async function failuresOf(story: Case) {
  const { exit, parts } = await judged(story)
  const checks = parts.flatMap(part => part.checks)
  return { exit, failed: checks.filter(({ outcome }) => outcome === 'fail').map(({ name }) => name) }
}

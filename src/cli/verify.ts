import type { Arguments } from '../arguments.ts'
import { faultOf } from '../protocol/log.ts'
import { Problem } from '../protocol/problem.ts'
import { type Collateral, platformNamedIn } from '../tee/collateral.ts'
import { calls } from '../upstream/call.ts'
import { type FetchCollateral, pcs } from '../upstream/pcs.ts'
import { INTEL_ROOT } from '../verify/certificates.ts'
import { Wrong } from '../verify/check.ts'
import { readCollateral } from '../verify/collateral.ts'
import { type Exit, judgeReport, quotesIn } from '../verify/report.ts'
import { secondOpinion } from '../verify/second-opinion.ts'
import { fetchReport, NoReport } from './fetch-report.ts'
import { plain, verdictJson, verdictText } from './verdict-text.ts'
import { type Options, optionsOf, Unclear } from './verify-options.ts'

interface Around {
  readonly readFile: (path: string) => string
  readonly write: (text: string) => void
  readonly say: (line: string) => void
}

/** Proves which gateway answers at a URL, under Intel's root alone, and prints how. What keeps it from telling is a 2. */
export async function verify(given: Arguments, { readFile, write, say }: Around): Promise<Exit> {
  try {
    const options = optionsOf(given, readFile)
    const { url, at, nonce } = options
    const { report, spki } = await fetchReport(url, nonce)
    const collaterals = options.collaterals ?? (await collateralsFor(report, options))
    const belief = { roots: [INTEL_ROOT], at }
    const verdict = judgeReport(report, { ...options, spki, collaterals, belief, second: await secondOpinion() })
    const told = { ...verdict, url: url.href, at, nonce, spki }
    write(options.json ? verdictJson(told) : verdictText(told))
    return verdict.exit
  } catch (error) {
    // Not a 1, whatever happened: nothing was found to be wrong.
    say(`verify: ${reasonOf(error)}`)
    return 2
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof NoReport) return `the gateway ${plain(error.message)}`
  if (error instanceof Unclear || error instanceof Problem || error instanceof Wrong) return error.message
  return `stopped: ${faultOf(error)}`
}

/** By `--pccs`, each platform's once; else as the gateway has it with its report. */
async function collateralsFor(report: unknown, { pccs }: Options): Promise<readonly Collateral[]> {
  if (pccs === undefined) return ownCollateral(report)
  const platforms = quotesIn(report).flatMap(quote => platformNamedIn(quote) ?? [])
  const distinct = new Map(platforms.map(platform => [platform.fmspc + platform.authority, platform]))
  const [fetched, fetchFor]: [Collateral[], FetchCollateral] = [[], pcs(pccs, calls().send)]
  // One after another: a report may name many that are not there.
  for (const platform of distinct.values()) fetched.push(await fetchFor(platform))
  return fetched
}

/** Signed by Intel or worth nothing: so it may come from the one who is judged. */
function ownCollateral(report: unknown): readonly Collateral[] {
  const { collateral } = Object(Object(report).gateway_attestation)
  try {
    return collateral === undefined ? [] : [readCollateral(collateral)]
  } catch {
    return []
  }
}

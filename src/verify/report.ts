import { type Collateral, platformNamedIn } from '../tee/collateral.ts'
import type { Belief } from './certificates.ts'
import { type Check, check, Untold } from './check.ts'
import { type Claims, claims } from './claims.ts'
import { dstackChecks } from './dstack.ts'
import { type Asked, isSimulated, modeChecks, statementChecks } from './gateway.ts'
import { attributeChecks, hardwareChecks } from './hardware.ts'
import { bytesOf, jsonTextOf, type Members, objectOf, textOf } from './members.ts'
import { composeIn, nearChecks, nearParts, nvidiaChecks } from './near.ts'
import { RUN_CHECKS, releaseChecks } from './release.ts'
import { opinionCheck, type SecondOpinion } from './second-opinion.ts'

/** What a report is judged by. */
export interface Given extends Asked {
  /** What Intel publishes about platforms; the first is about the gateway's own, where it is about none of those asked. */
  readonly collaterals: readonly Collateral[]
  readonly belief: Belief
  /** Absent where it does not believe what is believed here. */
  readonly second: SecondOpinion | undefined
}

/** What comes with one quote. */
export interface Part {
  readonly name: string
  readonly checks: readonly Check[]
  readonly claims: Claims
}

/** 0: all holds, by hardware. 1: something is wrong. 2: it could not be told. 3: all holds, but no hardware stands for it. */
export type Exit = 0 | 1 | 2 | 3

export interface Verdict {
  readonly exit: Exit
  readonly parts: readonly Part[]
  /** Members of the report that are not looked at. */
  readonly unjudged: readonly string[]
}

// The one is NVIDIA's alone to tell; the other says again what the event log says.
const MAY_BE_UNTOLD: ReadonlySet<string> = new Set(['NRAS', 'MRCONFIGID'])
const SIMULATED = check('hardware', () => {
  throw new Untold('simulated: no hardware signed this')
})
const NEEDS_HARDWARE: ReadonlySet<string> = new Set([SIMULATED.name, ...RUN_CHECKS])
const BOUND = ['request_nonce', 'intel_quote', 'event_log', 'signing_address']
const OWN = new Set([...BOUND, 'signing_algo', 'report_data', 'statement', 'app_compose', 'collateral'])
const NEAR = new Set([...BOUND, 'tls_cert_fingerprint'])
/** What is judged, and what says the same again in other types. */
const JUDGED = new Set([
  ...['gateway_attestation', 'chat_api_gateway_attestation', 'cloud_api_gateway_attestation', 'model_attestations'],
  'upstream_error',
])

/** Judges a whole report: the gateway's own part, and those of others that it hands on. */
export function judgeReport(report: unknown, given: Given): Verdict {
  const whole = objectOf(report, 'the report')
  const own = objectOf(whole['gateway_attestation'] ?? {}, 'gateway_attestation')
  const simulated = isSimulated(own)
  const others = nearParts(whole).map(({ name, part }) => ({
    name,
    checks: simulated ? [SIMULATED] : nearPart(part, given),
    claims: claims(part, NEAR),
  }))
  const failures = failureChecks(whole)
  const unjudged = Object.keys(whole).filter(name => !JUDGED.has(name))
  const parts = [
    { name: 'gateway', checks: [...gatewayPart(own, given, simulated), ...failures], claims: claims(own, OWN) },
    ...others,
  ]
  return {
    exit: exitOf(
      parts.flatMap(({ checks }) => checks),
      simulated,
    ),
    parts,
    unjudged,
  }
}

function exitOf(checks: readonly Check[], simulated: boolean): Exit {
  if (checks.some(({ outcome }) => outcome === 'fail')) return 1
  const mayBe = (name: string) => MAY_BE_UNTOLD.has(name) || (simulated && NEEDS_HARDWARE.has(name))
  if (checks.some(({ outcome, name }) => outcome === 'not checked' && !mayBe(name))) return 2
  return simulated ? 3 : 0
}

function gatewayPart(part: Members, given: Given, simulated: boolean): readonly Check[] {
  const quote = () => bytesOf(part, 'intel_quote')
  return [
    ...statementChecks(part, given),
    ...modeChecks(part, simulated),
    ...(simulated ? [SIMULATED] : quoteChecks(quote, given, true)),
    ...attributeChecks(quote),
    ...dstackChecks({
      quote,
      eventLog: () => jsonTextOf(part, 'event_log'),
      appCompose: () => textOf(part, 'app_compose'),
      expectedHash: given.expected.composeHash,
    }),
    ...releaseChecks(part, given.expected, simulated),
  ]
}

function nearPart(part: Members, given: Given): readonly Check[] {
  const quote = () => bytesOf(part, 'intel_quote')
  return [
    ...nearChecks(part, given.nonce),
    ...quoteChecks(quote, given, false),
    ...attributeChecks(quote),
    ...dstackChecks({
      quote,
      eventLog: () => jsonTextOf(part, 'event_log'),
      appCompose: () => composeIn(part),
      expectedHash: undefined,
    }),
    ...nvidiaChecks(part, given.nonce),
  ]
}

/** What the hardware says; of a quote that is not there nothing can be told. */
function quoteChecks(read: () => Buffer, { collaterals, belief, second }: Given, isOwn: boolean): readonly Check[] {
  let quote: Buffer | undefined
  const readable = check('quote', () => {
    quote = read()
    return `${quote.length} bytes`
  })
  if (!quote) return [readable]
  const collateral = about(quote, collaterals) ?? (isOwn ? collaterals[0] : undefined)
  const own = hardwareChecks({ quote, collateral, belief })
  if (!second) return own
  const given = quote
  // It judges what opens a TD, too.
  const passed = [...own, ...attributeChecks(() => given)].every(({ outcome }) => outcome === 'pass')
  return [...own, opinionCheck(collateral && (() => second(given, collateral, belief.at)), passed)]
}

function about(quote: Uint8Array, collaterals: readonly Collateral[]): Collateral | undefined {
  const fmspc = platformNamedIn(quote)?.fmspc
  return collaterals.find(({ tcb_info }) => fmspcIn(tcb_info) === fmspc)
}

/** Only to choose by: the documents that are chosen are read anew. */
const fmspcIn = (document: string) => /"fmspc"\s*:\s*"([\da-f]{12})"/i.exec(document)?.[1]?.toLowerCase()

/** The quotes in a report that could be read: its own first. */
export function quotesIn(report: unknown): readonly Uint8Array[] {
  const whole = Object(report)
  const parts = [Object(whole.gateway_attestation), ...nearParts(whole).map(({ part }) => part)]
  return parts.flatMap(({ intel_quote: hex }) => (typeof hex === 'string' ? [Buffer.from(hex, 'hex')] : []))
}

/** A backend of NEAR AI's kind that gave no report is not vouched for; of Tinfoil's no part is judged here. */
function failureChecks({ upstream_error: failures }: Members): readonly Check[] {
  if (!Object.hasOwn(Object(failures), 'openai')) return []
  return [
    check('backend', () => {
      throw new Untold('it gave the gateway no report of itself')
    }),
  ]
}

import type { Check } from '../verify/check.ts'
import type { Members } from '../verify/members.ts'
import type { Exit, Part, Verdict } from '../verify/report.ts'

/** A verdict, and what it is about. */
export interface Told extends Verdict {
  readonly url: string
  readonly at: number
  readonly nonce: string
  readonly spki: string | undefined
}

const MEANING: Readonly<Record<Exit, { word: string; sentence: string }>> = {
  0: { word: 'proved', sentence: 'PROVED: hardware that Intel certified vouches for all of this.' },
  1: { word: 'refuted', sentence: 'REFUTED: what is marked FAIL is wrong. Do not trust this gateway.' },
  2: {
    word: 'unknown',
    sentence: 'UNKNOWN: what is marked "not checked" could not be told. Do not take it for proved.',
  },
  3: { word: 'simulated', sentence: 'SIMULATED: proves nothing about hardware' },
}

/** A verdict for a person to read; of a simulated report, that comes first. */
export function verdictText(told: Told): string {
  const { url, at, nonce, exit, parts, unjudged } = told
  const heading = `${url}, judged as of ${new Date(at).toISOString().slice(0, 19)}Z, asked with nonce ${nonce}`
  const { sentence } = MEANING[exit]
  const sections = parts.flatMap(partLines)
  const others = unjudged.length > 0 ? [`Handed on, and not judged here: ${unjudged.join(', ')}`, ''] : []
  const lines = [...(exit === 3 ? [sentence] : []), heading, '', ...sections, ...others, sentence]
  return `${lines.map(plain).join('\n')}\n`
}

/** The same for a program. */
export function verdictJson({ exit, url, at, nonce, spki, parts, unjudged }: Told): string {
  const told = parts.map(({ name, checks, claims }) => ({ name, checks, ...claims }))
  const { word } = MEANING[exit]
  const head = { exit, verdict: word, url, at: new Date(at).toISOString(), nonce, tls_spki_sha256: spki ?? null }
  return `${JSON.stringify({ ...head, parts: told, unjudged }, null, 2)}\n`
}

function partLines({ name, checks, claims: { measured, stated, unsigned } }: Part): readonly string[] {
  const width = Math.max(...checks.map(one => one.name.length))
  const left = Object.entries(measured).map(([what, hex]) => `    ${what.padEnd(13)} ${hex}`)
  return [
    name,
    ...checks.map(one => line(one, width)),
    ...(left.length > 0 ? ['  What was started, for you to compare with what should have been:', ...left] : []),
    ...(stated ? [`  It says to be ${programOf(stated)}. Its keys and settings: --json`] : []),
    ...(unsigned.length > 0 ? [`  Said by the report, and signed by nobody: ${unsigned.join(', ')}`] : []),
    '',
  ]
}

const programOf = ({ version, commit, executable_sha256: executable = 'unknown' }: Members) =>
  `version ${version}, commit ${commit}, executable ${executable}`

function line({ name, outcome, why }: Check, width: number): string {
  const mark = outcome === 'fail' ? 'FAIL' : outcome
  return `  ${mark.padEnd(11)}  ${name.padEnd(width)}  ${why}`
}

/** One line. Parts of it were said by a stranger, who shall neither move the cursor of whoever reads it nor add a line. */
export const plain = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')

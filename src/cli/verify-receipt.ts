import type { Check } from '../verify/check.ts'
import { checkReceipt } from '../verify/receipt.ts'
import { plain } from './verdict-text.ts'

interface Given {
  /** The file that holds the receipt. */
  readonly file: string
  readonly flags: ReadonlyMap<string, string>
  readonly readFile: (path: string) => Uint8Array
}

interface Voice {
  /** Prints to where results go. */
  readonly print: (text: string) => void
  readonly say: (line: string) => void
}

const NOTE =
  'The report was taken as it is: `sealgate verify` proves one. Whoever wrote this one could have signed this receipt.'

/**
 * Prints what a receipt, a report and two bodies have to do with each other; gives the exit code: 0 where all of it holds, 1
 * where some of it does not, 2 where something could not be looked at.
 */
export function verifyReceipt({ file, flags, readFile }: Given, { print, say }: Voice): number {
  const report = flags.get('report')
  if (report === undefined) {
    say('verify-receipt needs --report FILE: the answer of GET /v1/attestation/report.')
    return 2
  }
  const read = (path: string) => {
    try {
      return readFile(path)
    } catch {
      throw new UnreadFault(`Cannot read ${path}: check its name, and who may read it.`)
    }
  }
  const bodyAt = (flag: string) => {
    const path = flags.get(flag)
    return path === undefined ? undefined : read(path)
  }
  try {
    const texts = { receipt: Buffer.from(read(file)).toString(), report: Buffer.from(read(report)).toString() }
    const checks = checkReceipt({ ...texts, request: bodyAt('request'), response: bodyAt('response') })
    print(flags.has('json') ? `${JSON.stringify({ checks, note: NOTE }, null, 2)}\n` : `${table(checks)}\n${NOTE}\n`)
    return exitCodeOf(checks)
  } catch (error) {
    if (!(error instanceof UnreadFault)) throw error
    say(error.message)
    return 2
  }
}

class UnreadFault extends Error {}

function exitCodeOf(checks: readonly Check[]): number {
  if (checks.some(({ outcome }) => outcome === 'fail')) return 1
  return checks.every(({ outcome }) => outcome === 'pass') ? 0 : 2
}

function table(checks: readonly Check[]): string {
  const widest = Math.max(...checks.map(({ name }) => name.length))
  const line = ({ name, outcome, why }: Check) => `${name.padEnd(widest)}  ${outcome.padEnd(11)}  ${plain(why)}\n`
  return checks.map(line).join('')
}

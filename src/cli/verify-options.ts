import { randomBytes } from 'node:crypto'
import type { Arguments } from '../arguments.ts'
import type { Collateral } from '../tee/collateral.ts'
import { Wrong } from '../verify/check.ts'
import { readCollateral } from '../verify/collateral.ts'
import type { Expected } from '../verify/gateway.ts'
import { type Manifest, readManifest } from '../verify/manifest.ts'

/** What `sealgate verify` is asked to do. */
export interface Options {
  readonly url: URL
  /** 64 hex digits, in lower case. */
  readonly nonce: string
  readonly expected: Expected
  /** Given in a file; else fetched, or taken from the report. */
  readonly collaterals: readonly Collateral[] | undefined
  readonly pccs: string | undefined
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly json: boolean
}

/** A command line that cannot be followed, in words. */
export class Unclear extends Error {}

const HEX_64 = /^[\da-f]{64}$/i

/** What a command line asks for. @throws Unclear */
export function optionsOf({ operands, flags, faults }: Arguments, readFile: (path: string) => string): Options {
  const [fault] = faults
  if (fault !== undefined) throw new Unclear(fault)
  const hex = (name: string) => {
    const value = flags.get(name)
    if (value !== undefined && !HEX_64.test(value)) throw new Unclear(`--${name} must be 64 hex digits`)
    return value?.toLowerCase()
  }
  const json = (name: string): unknown => {
    const path = flags.get(name)
    return path === undefined ? undefined : readJson(name, path, readFile)
  }
  const [composeHash, keyset, settings] = [hex('expect-compose-hash'), json('expect-keyset'), json('expect-settings')]
  const collateral = json('collateral')
  const manifest = json('manifest')
  const release = manifest === undefined ? undefined : manifestIn(manifest)
  return {
    url: httpUrl('URL', operands[0] ?? '', /^https?:$/),
    nonce: hex('nonce') ?? randomBytes(32).toString('hex'),
    expected: { ...(composeHash !== undefined && { composeHash }), keyset, settings, ...(release && { release }) },
    collaterals: collateral === undefined ? undefined : collateralsIn(collateral),
    pccs: flags.has('pccs') ? httpUrl('--pccs', flags.get('pccs') ?? '', /^https:$/).href : undefined,
    at: timeOf(flags.get('at')),
    json: flags.has('json'),
  }
}

function readJson(name: string, path: string, readFile: (path: string) => string): unknown {
  try {
    return JSON.parse(readFile(path))
  } catch (error) {
    const how = error instanceof SyntaxError ? 'is not JSON' : 'cannot be read'
    throw new Unclear(`--${name}: ${path} ${how}`)
  }
}

/** One platform's, or a list of several. */
function collateralsIn(told: unknown): readonly Collateral[] {
  try {
    return [told].flat().map(readCollateral)
  } catch (error) {
    throw new Unclear(`--collateral: ${error instanceof Error ? error.message : 'not understood'}`)
  }
}

function manifestIn(told: unknown): Manifest {
  try {
    return readManifest(told)
  } catch (error) {
    throw new Unclear(
      `--manifest is no manifest.json of a release: ${error instanceof Wrong ? error.message : 'not understood'}`,
    )
  }
}

function httpUrl(name: string, text: string, protocol: RegExp): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !protocol.test(url.protocol)) throw new Unclear(`${name} must be an https URL, as in https://host`)
  if (url.username !== '' || url.search !== '' || url.hash !== '')
    throw new Unclear(`${name} must be without credentials, query and fragment`)
  return url
}

function timeOf(text: string | undefined): number {
  if (text === undefined) return Date.now()
  const at = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?Z)?$/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at)) throw new Unclear('--at must be a time in UTC, as in 2026-03-01T00:00:00Z')
  return at
}

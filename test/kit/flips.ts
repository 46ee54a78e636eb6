import type { Collateral } from '../../src/tee/collateral.ts'
import { BODY_FIELDS } from '../../src/tee/quote.ts'

/** A quote and what Intel publishes to judge it by, with one bit that is another. */
export interface Flip {
  readonly name: string
  readonly quote: Buffer
  readonly collateral: Collateral
}

const HEADER = [
  ['version', 2],
  ['key type', 2],
  ['TEE type', 4],
  ['QE SVN', 2],
  ['PCE SVN', 2],
  ['vendor', 16],
  ['user data', 20],
] as const
const QE_REPORT = [
  ...([
    ['CPU SVN', 16],
    ['MISCSELECT', 4],
    ['reserved 1', 28],
    ['attributes', 16],
    ['MRENCLAVE', 32],
  ] as const),
  ...([
    ['reserved 2', 32],
    ['MRSIGNER', 32],
    ['reserved 3', 96],
    ['product', 2],
    ['SVN', 2],
  ] as const),
  ...([
    ['reserved 4', 60],
    ['report data', 64],
  ] as const),
] as const
const PEM = /-----BEGIN CERTIFICATE-----([\s\S]+?)-----END CERTIFICATE-----/g

/** One flipped bit in each field that a signature covers, of a quote of version 4 and its collateral. */
export function flips(quote: Buffer, collateral: Collateral): readonly Flip[] {
  return [
    ...fieldsOf(quote).map(([name, at]) => ({ name, quote: flipped(quote, at), collateral })),
    ...certificates(quote.toString('latin1')).map(([name, text]) => ({
      name: `quote: ${name}`,
      quote: Buffer.from(text, 'latin1'),
      collateral,
    })),
    ...changes(collateral).map(([name, changed]) => ({ name, quote, collateral: { ...collateral, ...changed } })),
  ]
}

/** Each field with the place of a byte inside it. */
function fieldsOf(quote: Buffer): readonly (readonly [string, number])[] {
  const authLength = quote.readUInt16LE(48 + 584 + 4 + 128 + 6 + 384 + 64)
  const layout: readonly (readonly [string | undefined, number])[] = [
    ...named('header', HEADER),
    ...named('body', BODY_FIELDS),
    [undefined, 4],
    ...([
      ['signature', 64],
      ['attestation key', 64],
    ] as const),
    [undefined, 6],
    ...named('QE report', QE_REPORT),
    ['QE signature', 64],
    [undefined, 2],
    ['auth data', authLength],
  ]
  let at = 0
  return layout.flatMap(([name, length]) => {
    at += length
    return name === undefined ? [] : [[name, at - Math.ceil(length / 2)] as const]
  })
}

const named = (group: string, fields: readonly (readonly [string, number])[]) =>
  fields.map(([name, length]) => [`${group}: ${name}`, length] as const)

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

/** A text with PEM, once for each place in each of its certificates: in what is signed, and in the signature. */
function certificates(text: string): readonly (readonly [string, string])[] {
  return [...text.matchAll(PEM)].flatMap(([whole, base64 = ''], index) => {
    const der = Buffer.from(base64, 'base64')
    const places = [
      ['content', Math.floor(der.length / 3)],
      ['signature', der.length - 5],
    ] as const
    return places.map(([place, at]) => {
      // In the same breaks of line, so that the length stays.
      const digits = flipped(der, at).toString('base64')
      let next = 0
      const changed = base64.replaceAll(/[A-Za-z\d+/=]/g, () => digits[next++] ?? '')
      return [`certificate ${index + 1}, ${place}`, text.replace(whole, whole.replace(base64, changed))] as const
    })
  })
}

function changes(collateral: Collateral): readonly (readonly [string, Partial<Collateral>])[] {
  return Object.entries(collateral).flatMap(([name, value]) => {
    const of = (what: string, changed: string) => [`${name}: ${what}`, { [name]: changed }] as const
    if (name.endsWith('chain')) return certificates(value).map(([what, text]) => of(what, text))
    if (name.endsWith('crl')) {
      const der = Buffer.from(value, 'hex')
      const [content, signature] = [40, der.length - 5].map(at => flipped(der, at).toString('hex'))
      return [of('content', content ?? ''), of('signature', signature ?? '')]
    }
    if (name.endsWith('signature')) return [of('bit', flipped(Buffer.from(value, 'hex'), 40).toString('hex'))]
    // A digit, so that it is still JSON.
    const digit = value.indexOf('"svn":') >= 0 ? value.indexOf('"svn":') + 6 : value.indexOf('"isvsvn":') + 9
    return [of('digit', flipped(Buffer.from(value), digit).toString())]
  })
}

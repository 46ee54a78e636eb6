import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { checkReceipt, type Held } from '../../src/verify/receipt.ts'
import { receiptOf } from '../kit/receipts.ts'
import { answerBytes, type Stage, stages } from '../kit/stage.ts'

const { set, clear } = stages()
const QUESTION = JSON.stringify({ model: 'any', messages: [] })
const ANSWER = '{"id":"chatcmpl-1"}'

let stage: Stage
let held: Held
beforeAll(async () => {
  stage = await set(answerBytes('200 OK', { 'content-type': 'application/json' }, ANSWER))
  held = await heldFor(await stage.post(QUESTION))
})
afterAll(clear)

async function heldFor(answer: Response): Promise<Held> {
  const response = await answer.bytes()
  const { answer: receipt } = await receiptOf(stage.kit, answer.headers.get('x-receipt-id'), {
    query: '?signing_algo=ecdsa',
  })
  return { receipt, report: stage.kit.report, request: Buffer.from(QUESTION), response }
}

/** The checks that do not pass. */
const failing = (more: Partial<Held>) =>
  checkReceipt({ ...held, ...more }).flatMap(({ name, outcome }) => (outcome === 'pass' ? [] : [`${name}: ${outcome}`]))

/** The same answer with something else in the text that is signed. */
function edited(change: (text: string) => string): Partial<Held> {
  const { receipt, ...rest } = JSON.parse(held.receipt)
  return { receipt: JSON.stringify({ ...rest, receipt: change(receipt) }) }
}

const stated = (
  change: (statement: Record<string, Record<string, Record<string, unknown>>>) => void,
): Partial<Held> => {
  const statement = JSON.parse(JSON.parse(held.report).gateway_attestation.statement)
  change(statement)
  return { report: JSON.stringify({ gateway_attestation: { statement: JSON.stringify(statement) } }) }
}

const STATES_NONE = ['key: fail', 'settings: fail', 'ethereum signature: fail']

test('a receipt holds against its report and the bodies it is about', () => {
  const checks = checkReceipt(held)
  expect(checks.map(({ name }) => name)).toEqual([
    ...['form', 'key', 'signature', 'settings', 'request', 'response', 'ethereum signature'],
  ])
  expect(failing({})).toEqual([])
})

describe('it does not hold', () => {
  test('with one byte of its text changed, whichever', () => {
    const { receipt: text } = JSON.parse(held.receipt)
    for (let at = 0; at < text.length; at++) {
      const other = String.fromCharCode(text.charCodeAt(at) ^ 1)
      expect([at, failing(edited(text => text.slice(0, at) + other + text.slice(at + 1))).length > 0]).toEqual([
        at,
        true,
      ])
    }
  })

  test('with one digit of its signature changed, whichever', () => {
    const { receipt_signature: signature, ...rest } = JSON.parse(held.receipt)
    for (let at = 0; at < signature.length; at++) {
      const other = (Number.parseInt(signature[at], 16) ^ 1).toString(16)
      const receipt_signature = signature.slice(0, at) + other + signature.slice(at + 1)
      expect(failing({ receipt: JSON.stringify({ ...rest, receipt_signature }) })).toEqual(['signature: fail'])
    }
  })

  test.each<[string, () => Partial<Held>, string[]]>([
    ['one byte of the request', () => ({ request: Buffer.from(QUESTION.replace('any', 'one')) }), ['request: fail']],
    ['a request that is longer', () => ({ request: Buffer.from(`${QUESTION} `) }), ['request: fail']],
    ['one byte of the response', () => ({ response: Buffer.from(ANSWER.replace('1', '2')) }), ['response: fail']],
    ['a response that is shorter', () => ({ response: Buffer.from(ANSWER.slice(1)) }), ['response: fail']],
    ['a name twice in its text', () => edited(text => text.replace('{', '{"status":1,')), ['form: fail']],
    ['blanks in its text', () => edited(text => text.replace('{', '{ ')), ['form: fail']],
  ])('with %s', (_, more, found) => {
    expect(failing(more())).toEqual(expect.arrayContaining(found))
    expect(failing(more()).join()).toContain(found[0] ?? '')
  })

  test.each<[string, () => Partial<Held>, string[]]>([
    [
      'another key',
      () => stated(({ keyset }) => Object.assign(keyset?.['ed25519'] ?? {}, { public_key: '00' })),
      ['key: fail'],
    ],
    [
      'another epoch',
      () => stated(({ keyset }) => Object.assign(keyset?.['ed25519'] ?? {}, { epoch: 2 })),
      ['key: fail'],
    ],
    [
      'a key for something else',
      () => stated(({ keyset }) => Object.assign(keyset?.['ed25519'] ?? {}, { role: 'tls' })),
      ['key: fail'],
    ],
    [
      'another address',
      () => stated(({ keyset }) => Object.assign(keyset?.['ecdsa'] ?? {}, { address: '0x00' })),
      ['ethereum signature: fail'],
    ],
    [
      'other settings',
      () => stated(({ settings }) => Object.assign(settings ?? {}, { dev_mode: false })),
      ['settings: fail'],
    ],
    [
      'nothing',
      () => ({ report: '{}' }),
      ['key: not checked', 'settings: not checked', 'ethereum signature: not checked'],
    ],
    ['no text', () => ({ report: '{"gateway_attestation":{"statement":1}}' }), STATES_NONE],
    ['no JSON', () => ({ report: 'x' }), STATES_NONE],
  ])('against a report that states %s', (_, more, found) => {
    expect(failing(more())).toEqual(found)
  })

  test('if it is none', () => {
    for (const receipt of ['', 'null', '{}', '{"receipt":"{}","receipt_signature":""}'])
      expect(failing({ receipt })).toContain('form: fail')
  })
})

describe('a body', () => {
  test('that is not here is not checked', () => {
    expect(failing({ request: undefined, response: undefined })).toEqual([
      'request: not checked',
      'response: not checked',
    ])
  })

  test('that was refused amid its way is held against as much as was read', async () => {
    const { receipt: text } = JSON.parse(held.receipt)
    const receipt = JSON.parse(text)
    const cut = { ...receipt, request: { ...receipt.request, whole: false } }
    const more = (body: string) => ({ ...edited(() => JSON.stringify(cut)), request: Buffer.from(body) })
    expect(failing(more(`${QUESTION} and what was not read`))).not.toContain('request: fail')
    expect(failing(more(QUESTION.slice(1)))).toContain('request: fail')
    const short = { ...receipt, response: { ...receipt.response, whole: false } }
    const left = { ...edited(() => JSON.stringify(short)), response: Buffer.from('{') }
    expect(failing(left)).toContain('response: not checked')
  })
})

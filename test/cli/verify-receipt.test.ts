import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { verifyReceipt } from '../../src/cli/verify-receipt.ts'
import { receiptOf } from '../kit/receipts.ts'
import { answerBytes, stages } from '../kit/stage.ts'

const { set, clear } = stages()
const QUESTION = JSON.stringify({ model: 'any', messages: [] })
const files = new Map<string, Uint8Array>()

beforeAll(async () => {
  const { post, kit } = await set(answerBytes('200 OK', {}, '{}'))
  const answer = await post(QUESTION)
  const { answer: receipt } = await receiptOf(kit, answer.headers.get('x-receipt-id'))
  const texts = { receipt, report: kit.report, request: QUESTION, response: await answer.text(), other: 'other' }
  for (const [name, text] of Object.entries(texts)) files.set(name, Buffer.from(text))
})
afterAll(clear)

/** What the command prints, says and exits with. */
function run(flags: Record<string, string>, file = 'receipt') {
  let printed = ''
  const said: string[] = []
  const readFile = (path: string) => {
    const bytes = files.get(path)
    if (!bytes) throw new Error('ENOENT')
    return bytes
  }
  const print = (text: string) => {
    printed += text
  }
  const code = verifyReceipt(
    { file, flags: new Map(Object.entries(flags)), readFile },
    { print, say: line => said.push(line) },
  )
  return { code, printed, said }
}

const ALL = { report: 'report', request: 'request', response: 'response' }

describe('verify-receipt ends', () => {
  test('with 0 where all of it holds, and says that the report is to be verified itself', () => {
    const { code, printed } = run(ALL)
    expect([code, printed]).toEqual([0, expect.stringContaining('sealgate verify')])
    expect(printed).toContain('signature  pass ')
  })

  test('with 1 where something does not, whatever was not checked', () => {
    expect(run({ report: 'report', request: 'other' }).code).toBe(1)
    expect(run({ ...ALL, report: 'other' }).code).toBe(1)
    expect(run(ALL, 'other').code).toBe(1)
  })

  test('with 2 where a body was not given, or a file cannot be read', () => {
    expect(run({ report: 'report' })).toMatchObject({ code: 2, printed: expect.stringContaining('not checked') })
    expect(run({ ...ALL, request: 'nowhere' })).toMatchObject({ code: 2, said: [expect.stringContaining('nowhere')] })
    expect(run({})).toMatchObject({ code: 2, printed: '', said: [expect.stringContaining('--report')] })
  })
})

test('as JSON it prints the checks', () => {
  const { code, printed } = run({ ...ALL, json: 'true' })
  const { checks } = JSON.parse(printed)
  expect([code, checks.map(({ outcome }: { outcome: string }) => outcome)]).toEqual([0, Array(6).fill('pass')])
})

import { describe, expect, test } from 'bun:test'
import { assert, bigInt, constantFrom, integer, property, shuffledSubarray, string, stringMatching } from 'fast-check'
import { estimate, isModelId, readMetrics, readUsage } from '../../src/protocol/usage.ts'

const none = { model: undefined, prompt: 0, completion: 0, cached: 0, cost: undefined, estimated: false }

describe('the metrics of an enclave', () => {
  test('are read whole', () => {
    const text =
      'prompt=67,completion=42,total=109,cached_prompt_tokens=60,uncached_prompt_tokens=7,model=gpt-oss-120b,cost_usd=0.0000315'
    expect(readMetrics(text)).toEqual({
      model: 'gpt-oss-120b',
      prompt: 67,
      completion: 42,
      cached: 60,
      cost: '0.000031500000',
      estimated: false,
    })
  })

  test('are read in any order, with blanks and with keys of tomorrow', async () => {
    const keys = [
      'prompt=6',
      ' completion = 4 ',
      'cached_prompt_tokens=\t2',
      'model= a/b:c',
      'tomorrow=1',
      '',
      '=',
      'x',
    ]
    await assert(
      property(shuffledSubarray(keys, { minLength: keys.length }), pairs => {
        expect(readMetrics(pairs.join(','))).toEqual({ ...none, prompt: 6, completion: 4, cached: 2, model: 'a/b:c' })
      }),
    )
  })

  test.each<[string, object]>([
    ['prompt=3', { prompt: 3 }],
    ['completion=3', { completion: 3 }],
    ['completion=3,total=9', { completion: 3 }],
    ['total=9', { prompt: 9 }],
    ['prompt=0,completion=0,total=0', {}],
    ['prompt=1,prompt=9,completion=2,completion=8', { prompt: 1, completion: 2 }],
    ['prompt=5,completion=-1', { prompt: 5 }],
    ['prompt=5,cached_prompt_tokens=50', { prompt: 5, cached: 5 }],
    ['prompt=1000000000000', { prompt: 1e12 }],
    ['prompt=1,model=two words', { prompt: 1 }],
    ['prompt=1,model=', { prompt: 1 }],
    [`prompt=1,model=${'m'.repeat(129)}`, { prompt: 1 }],
    [`prompt=1,model=${'m'.repeat(128)}`, { prompt: 1, model: 'm'.repeat(128) }],
    ['prompt=1,model=<script>', { prompt: 1 }],
  ])('%j state so much', (text, usage) => {
    expect(readMetrics(text)).toEqual({ ...none, ...usage })
  })

  test.each([
    '',
    ',',
    '=',
    'null',
    'model=m,cost_usd=1',
    'prompt=',
    'prompt=x',
    'prompt=-1',
    'prompt=+1',
    'prompt=1.0',
  ])('%j state nothing', text => {
    expect(readMetrics(text)).toBeUndefined()
  })

  test.each(['1e3', '0x10', '1000000000001', '9'.repeat(400), 'NaN', 'Infinity', '１', '1 1'])(
    'state no number of tokens by %j',
    value => {
      expect(readMetrics(`prompt=${value},completion=${value},total=${value}`)).toBeUndefined()
    },
  )

  test('are never the end of anything, whatever they are', async () => {
    const piece = constantFrom('prompt', 'completion', 'total', 'model', 'cost_usd', '=', ',', '1', '-', '.', ' ', '\0')
    await assert(
      property(string({ unit: piece }), text => {
        const usage = readMetrics(text)
        if (!usage) return
        for (const count of [usage.prompt, usage.completion, usage.cached]) {
          expect(Number.isSafeInteger(count) && count >= 0).toBe(true)
        }
        expect(usage.cost ?? '0.000000000000').toMatch(/^\d{1,4}\.\d{12}$/)
        expect(usage.model === undefined || isModelId(usage.model)).toBe(true)
      }),
    )
  })
})

describe('a cost', () => {
  const costOf = (cost: string) => readMetrics(`prompt=1,cost_usd=${cost}`)?.cost

  test.each([
    ['0', '0.000000000000'],
    ['1', '1.000000000000'],
    ['007.5', '7.500000000000'],
    ['0.0000315', '0.000031500000'],
    ['0.0000000000005', '0.000000000001'],
    ['0.0000000000004999', '0.000000000000'],
    ['0.9999999999995', '1.000000000000'],
    ['1000', '1000.000000000000'],
  ])('of %s is %s', (given, cost) => {
    expect(costOf(given)).toBe(cost)
  })

  test.each(['1000.000000000001', '999.9999999999999x', '-1', '+1', '1e-7', '.5', '5.', '1_0', 'free', ''])(
    'of %j is none',
    given => {
      expect(costOf(given)).toBeUndefined()
    },
  )

  test('of twelve decimals is itself', async () => {
    await assert(
      property(integer({ min: 0, max: 999 }), bigInt({ min: 0n, max: 10n ** 12n - 1n }), (dollars, rest) => {
        const cost = `${dollars}.${String(rest).padStart(12, '0')}`
        expect(costOf(cost)).toBe(cost)
      }),
    )
  })

  test('beyond twelve decimals is the nearest', async () => {
    await assert(
      property(integer({ min: 0, max: 9 }), stringMatching(/^\d{13,20}$/), (dollars, decimals) => {
        const difference = Number(costOf(`${dollars}.${decimals}`)) - Number(`${dollars}.${decimals}`)
        expect(Math.abs(difference)).toBeLessThan(0.6e-12 + dollars * 1e-15)
      }),
    )
  })
})

describe("the usage in OpenAI's JSON", () => {
  test('of a chat is read, cached tokens with it', () => {
    const usage = {
      prompt_tokens: 9,
      completion_tokens: 4,
      total_tokens: 13,
      prompt_tokens_details: { cached_tokens: 8 },
    }
    expect(readUsage({ object: 'chat.completion', model: 'm', usage })).toEqual({
      ...none,
      model: 'm',
      prompt: 9,
      completion: 4,
      cached: 8,
    })
  })

  test('of embeddings is read', () => {
    expect(readUsage({ model: 'e', usage: { prompt_tokens: 7, total_tokens: 7 } })).toEqual({
      ...none,
      model: 'e',
      prompt: 7,
    })
  })

  test('of a response is read, and in the event that ends one', () => {
    const usage = { input_tokens: 5, output_tokens: 6, total_tokens: 11, input_tokens_details: { cached_tokens: 1 } }
    const read = { ...none, model: 'r', prompt: 5, completion: 6, cached: 1 }
    expect(readUsage({ object: 'response', model: 'r', usage })).toEqual(read)
    expect(readUsage({ type: 'response.completed', response: { model: 'r', usage } })).toEqual(read)
  })

  test('is none where it states no number of tokens', () => {
    const nothing = [
      undefined,
      null,
      1,
      'usage',
      [],
      {},
      { usage: null },
      { usage: [] },
      { usage: {} },
      { response: null },
    ]
    const counts = [{ prompt_tokens: '5' }, { prompt_tokens: 1.5 }, { prompt_tokens: 1e13 }, { total_tokens: -1 }]
    for (const json of [
      ...nothing,
      ...counts.map(usage => ({ usage })),
      { response: { usage: { input_tokens: null } } },
    ])
      expect([json, readUsage(json)]).toEqual([json, undefined])
  })

  test('leaves out what makes no sense and keeps what does', () => {
    const usage = { prompt_tokens: 3, completion_tokens: 'x', prompt_tokens_details: 4 }
    expect(readUsage({ model: { id: 'm' }, usage })).toEqual({ ...none, prompt: 3 })
  })
})

describe('an estimate', () => {
  test('is a token for four bytes and one for each event', () => {
    expect(estimate({ bytesUp: 401, events: 7 })).toEqual({ ...none, prompt: 101, completion: 7, estimated: true })
  })

  test('does not take an image of megabytes for text', () => {
    expect(estimate({ bytesUp: 8e6, events: 1 }).prompt).toBe(32_768)
  })
})

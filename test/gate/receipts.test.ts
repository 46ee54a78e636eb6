import { describe, expect, test } from 'bun:test'
import canonicalize from 'canonicalize'
import { eq } from 'drizzle-orm'
import { ledger } from '../../src/gate/ledger.ts'
import { receipts } from '../../src/gate/receipts.ts'
import { Exchange, type Route } from '../../src/protocol/exchange.ts'
import { requestIdFrom } from '../../src/protocol/ids.ts'
import { fields } from '../../src/store/fields.ts'
import { receipts as table } from '../../src/store/schema.ts'
import { signingKeys } from '../../src/tee/signing.ts'
import { engines } from '../kit/engines.ts'
import { population } from '../kit/population.ts'
import { outcome } from '../kit/problem.ts'

const DAY = 86_400_000
const END = { status: 200, ending: 'complete', bytes: 0, firstByteAt: undefined } as const

describe.each(engines)('on $name', ({ fresh }) => {
  const people = population(fresh)

  function stage(receiptDays = 30) {
    const { store, keys, clock, one } = people()
    const booked = ledger({ store, log: () => undefined, flushMs: 60_000 })
    const signing = signingKeys(keys)
    const kept = receipts({
      ...{ store, fields: one.deps.fields, identityKey: keys.identity, signing, settingsDigest: '0f'.repeat(32) },
      ...{ ledger: booked, now: clock.now, receiptDays },
    })
    const begin = (owner: string) => {
      const exchange = new Exchange(requestIdFrom(null), clock.now())
      exchange.principal = { kind: 'jwt', owner, scopes: new Set(), client: undefined }
      exchange.inFlight = true
      exchange.route = '/v1/embeddings' as Route
      kept.begin(exchange, new Request('http://gateway.test/', { method: 'POST', body: '{}' }))
      return { exchange, id: exchange.receipt?.id ?? '' }
    }
    const end = (exchange: Exchange) => booked.enter(undefined, kept.finish(exchange, END))
    /** Writes a receipt over in another form. */
    const rewrite = async (id: string, text: string) => {
      await booked.flush()
      const content = fields(keys.fields).seal({ table: 'receipts', column: 'content', row: id }, text)
      await store.db.update(table).set({ content }).where(eq(table.id, id)).prepare().execute()
    }
    return { kept, booked, clock, begin, end, rewrite }
  }

  test('a receipt is its caller’s alone, and ready when its request is over', async () => {
    const { kept, begin, end } = stage()
    const { exchange, id } = begin('j_ada')
    expect(await outcome(() => kept.find('j_ada', id))).toBe('receipt_not_ready')
    end(exchange)
    expect(JSON.parse((await kept.find('j_ada', id)).receipt)).toMatchObject({ id, route: '/v1/embeddings' })
    expect(await outcome(() => kept.find('j_eve', id))).toBe('not_found')
  })

  test('one whose request was lost is not found after a day', async () => {
    const { kept, begin, clock } = stage()
    const { id } = begin('j_ada')
    clock.pass(DAY - 1)
    expect(await outcome(() => kept.find('j_ada', id))).toBe('receipt_not_ready')
    clock.pass(1)
    expect(await outcome(() => kept.find('j_ada', id))).toBe('not_found')
  })

  test('all that are older than they are kept are swept, however many, and no others', async () => {
    const { kept, booked, clock, begin, end } = stage(1)
    const some = (count: number) =>
      Array.from({ length: count }, () => {
        const { exchange, id } = begin('j_ada')
        end(exchange)
        return id
      })
    const old = some(450)
    clock.pass(DAY)
    const [last = ''] = some(1)
    await booked.flush()
    await kept.sweep()
    expect((await kept.find('j_ada', old[0] ?? '')).receipt).toContain(old[0] ?? 'an id')
    clock.pass(1)
    await kept.sweep()
    for (const id of [old[0] ?? '', old[449] ?? ''])
      expect(await outcome(() => kept.find('j_ada', id))).toBe('not_found')
    expect((await kept.find('j_ada', last)).receipt).toContain(last)
  })

  test('what is signed is canonical JSON', async () => {
    const { kept, begin, end } = stage()
    const { exchange, id } = begin('j_ada')
    const usage = {
      model: 'a "b" \u20ac \ud83d\ude00 \u0001',
      prompt: 0,
      completion: 0,
      cached: 0,
      cost: undefined,
      estimated: false,
    }
    Object.assign(exchange, { usage, backend: 'tinfoil', code: 'internal', host: 'a.example' })
    end(exchange)
    const { receipt } = await kept.find('j_ada', id)
    expect(receipt).toBe(canonicalize(JSON.parse(receipt)) ?? '')
    expect(JSON.parse(receipt)).toMatchObject({ model: usage.model, host: 'a.example' })
  })

  test('rows of both older forms are told as they are: a text alone, and one after its signature', async () => {
    const { kept, begin, end, rewrite } = stage()
    const { exchange, id } = begin('j_ada')
    end(exchange)
    const told = await kept.find('j_ada', id)
    await rewrite(id, told.receipt)
    expect(await kept.find('j_ada', id)).toEqual(told)
    const old = { receipt: '{"of":"another key"}', receipt_signature: 'ab'.repeat(64) }
    await rewrite(id, old.receipt_signature + old.receipt)
    expect(await kept.find('j_ada', id)).toEqual(old)
  })

  test('a receipt tells how it stood when its request ended, whenever it is written', async () => {
    const { kept, begin, end, clock } = stage()
    const { exchange, id } = begin('j_ada')
    exchange.host = 'then.example'
    const at = new Date(clock.now()).toISOString()
    end(exchange)
    exchange.host = 'later.example'
    clock.pass(5000)
    expect(JSON.parse((await kept.find('j_ada', id)).receipt)).toMatchObject({ host: 'then.example', ended_at: at })
  })

  test('what comes of a body after its request is over is not counted', async () => {
    const { kept, begin, end } = stage()
    const { exchange, id } = begin('j_ada')
    exchange.took(Buffer.from('half'))
    end(exchange)
    exchange.took(Buffer.from(' of it'))
    expect(JSON.parse((await kept.find('j_ada', id)).receipt).request).toMatchObject({ bytes: 4, whole: false })
  })
})

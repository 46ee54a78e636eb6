import { describe, expect, test } from 'bun:test'
import type { KeySet } from '../../src/gate/keyset.ts'
import { tokens } from '../../src/gate/tokens.ts'
import { ownerOf } from '../../src/protocol/principal.ts'
import { bearerToken, tokenProblem } from '../../src/protocol/token.ts'
import { type Clock, clockAt } from '../kit/clock.ts'
import { signer } from '../kit/jwt.ts'
import { outcome, problemOf } from '../kit/problem.ts'

const [one, other] = [await signer('one'), await signer('one')]
const identityKey = new Uint8Array(32).fill(7)
const expected = { issuer: 'https://issuer.example', audiences: ['mine'] }

/** A key set of one key that counts how often it is asked, and changes when told. */
interface Counted extends KeySet {
  generation: number
  finds: number
}

function counted(): Counted {
  const set: Counted = {
    generation: 1,
    finds: 0,
    find: kid => {
      set.finds++
      if (kid !== 'one') throw tokenProblem('token_unknown_key', 'Unknown key.')
      return one.publicKey
    },
    isReady: () => true,
    ageMs: () => 0,
    stop: () => undefined,
  }
  return set
}

function start(clock: Clock = clockAt()) {
  const keys = counted()
  const verifyToken = tokens({ keys, identityKey, expected, now: clock.now })
  const verify = (header: string | null) => verifyToken(bearerToken(header))
  const claims = (more: object = {}) => ({
    iss: 'https://issuer.example',
    aud: 'mine',
    sub: 'ada',
    exp: clock.now() / 1000 + 3600,
    scope: 'inference',
    ...more,
  })
  const bearer = async (more?: object) => `Bearer ${await one.sign(claims(more))}`
  return { keys, clock, verify, claims, bearer }
}

describe('a verified token', () => {
  test('is its caller, whom only an opaque owner names', async () => {
    const { verify, bearer } = start()
    const principal = await verify(await bearer({ client_id: 'app' }))
    expect(principal).toEqual({
      kind: 'jwt',
      owner: ownerOf(identityKey, 'https://issuer.example', 'ada'),
      scopes: new Set(['inference']),
      client: 'app',
    })
    expect(JSON.stringify(principal)).not.toMatch(/ada|issuer\.example/)
  })

  test('is not verified again', async () => {
    const { keys, verify, bearer } = start()
    const header = await bearer()
    const first = await verify(header)
    expect(await verify(header)).toBe(first)
    expect(await verify(header.replace('Bearer ', 'bearer   '))).toBe(first)
    expect(keys.finds).toBe(1)
  })

  test('is answered at once when it is remembered', async () => {
    const { verify, bearer } = start()
    const header = await bearer()
    await verify(header)
    expect(verify(header)).not.toBeInstanceOf(Promise)
  })

  test('does not vouch for another of the same claims', async () => {
    const { keys, verify, claims } = start()
    await verify(`Bearer ${await one.sign(claims())}`)
    expect(await outcome(async () => verify(`Bearer ${await other.sign(claims())}`))).toBe('token_bad_signature')
    expect(keys.finds).toBe(2)
  })
})

describe('a token is forgotten', () => {
  test('when it expires, and then lives on its 30 s of grace unremembered', async () => {
    const { keys, clock, verify, bearer } = start()
    const header = await bearer({ exp: clock.now() / 1000 + 60 })
    await verify(header)
    clock.pass(59_999)
    await verify(header)
    expect(keys.finds).toBe(1)
    clock.pass(1)
    await verify(header)
    expect(keys.finds).toBe(2)
    clock.pass(29_999)
    await verify(header)
    expect(keys.finds).toBe(3)
    clock.pass(1)
    expect(await outcome(() => verify(header))).toBe('token_expired')
  })

  test('after five minutes', async () => {
    const { keys, clock, verify, bearer } = start()
    const header = await bearer()
    await verify(header)
    clock.pass(299_999)
    await verify(header)
    expect(keys.finds).toBe(1)
    clock.pass(1)
    await verify(header)
    expect(keys.finds).toBe(2)
    clock.pass(299_999)
    await verify(header)
    expect(keys.finds).toBe(2)
  })

  test('when the key set changes', async () => {
    const { keys, verify, bearer } = start()
    const [ada, bob] = [await bearer(), await bearer({ sub: 'bob' })]
    await verify(ada)
    await verify(bob)
    keys.generation++
    await verify(ada)
    await verify(bob)
    expect(keys.finds).toBe(4)
    await verify(ada)
    expect(keys.finds).toBe(4)
  })

  test('when the key set changes before its key is in hand', async () => {
    const { keys, verify, bearer } = start()
    const [ada, bob] = [await bearer(), await bearer({ sub: 'bob' })]
    const inFlight = verify(ada)
    keys.generation++
    await verify(bob)
    await inFlight
    expect(keys.finds).toBe(2)
    await verify(ada)
    expect(keys.finds).toBe(3)
  })

  test('when the key set changes while its signature is checked', async () => {
    const { keys, verify, bearer } = start()
    const [ada, bob] = [await bearer(), await bearer({ sub: 'bob' })]
    const inFlight = verify(ada)
    await null
    await null
    keys.generation++
    await verify(bob)
    await inFlight
    await verify(ada)
    expect(keys.finds).toBe(3)
  })

  test('when ten thousand others came after it', async () => {
    const { keys, verify, bearer } = start()
    const headers = await Promise.all(Array.from({ length: 10_001 }, (_, at) => bearer({ sub: `${at}` })))
    const [first = '', last = ''] = [headers[0], headers.at(-1)]
    for (const header of headers) await verify(header)
    expect(keys.finds).toBe(10_001)
    await verify(last)
    expect(keys.finds).toBe(10_001)
    await verify(first)
    expect(keys.finds).toBe(10_002)
  }, 60_000)
})

describe('a token that is refused', () => {
  test('is not remembered, nor is its refusal', async () => {
    const { keys, clock, verify, bearer } = start()
    const header = await bearer({ nbf: clock.now() / 1000 + 60 })
    expect(await outcome(() => verify(header))).toBe('token_not_yet_valid')
    expect(await outcome(() => verify(header))).toBe('token_not_yet_valid')
    expect(keys.finds).toBe(2)
    clock.pass(30_000)
    expect(await outcome(() => verify(header))).toBe('fine')
  })

  test('for its form costs no look-up of a key', async () => {
    const { keys, verify, claims } = start()
    for (const header of [{ alg: 'none' }, { crit: ['exp'] }, { kid: '' }])
      expect(await outcome(async () => verify(`Bearer ${await one.sign(claims(), header)}`))).toBe('token_malformed')
    expect(keys.finds).toBe(0)
  })

  test('for its key says nothing of its claims', async () => {
    const { verify, claims } = start()
    const header = `Bearer ${await one.sign(claims({ exp: 1 }), { kid: 'hunter2' })}`
    const problem = await problemOf(() => verify(header))
    expect(problem.code).toBe('token_unknown_key')
    expect(problem.message).not.toContain('hunter2')
  })

  test('for its signature is not looked into further', async () => {
    const { verify, claims } = start()
    expect(await outcome(async () => verify(`Bearer ${await other.sign(claims({ exp: 1 }))}`))).toBe(
      'token_bad_signature',
    )
  })

  test.each([
    ['zeros', () => Buffer.alloc(64)],
    ['ones', () => Buffer.alloc(64, 0xff)],
    ['halves swapped', (good: Buffer) => Buffer.concat([good.subarray(32), good.subarray(0, 32)])],
    ['one bit turned', (good: Buffer) => good.map((byte, at) => (at === 40 ? byte ^ 1 : byte))],
  ])('has a signature of %s', async (_, change) => {
    const { verify, claims } = start()
    const [head, payload, signature = ''] = (await one.sign(claims())).split('.')
    const changed = Buffer.from(change(Buffer.from(signature, 'base64url'))).toString('base64url')
    expect(await outcome(() => verify(`Bearer ${head}.${payload}.${changed}`))).toBe('token_bad_signature')
  })

  test('has claims or a header that were not signed', async () => {
    const { verify, claims } = start()
    const [ada = '', bob = ''] = [await one.sign(claims()), await one.sign(claims({ sub: 'bob' }))]
    const [head, , signature] = ada.split('.')
    expect(await outcome(() => verify(`Bearer ${head}.${bob.split('.')[1]}.${signature}`))).toBe('token_bad_signature')
    const plain = (await one.sign(claims(), { typ: 'JWT' })).split('.')[0]
    expect(await outcome(() => verify(`Bearer ${plain}.${ada.split('.')[1]}.${signature}`))).toBe('token_bad_signature')
  })

  test('is for somebody else', async () => {
    const { verify, bearer } = start()
    expect(await outcome(async () => verify(await bearer({ iss: 'https://evil.example' })))).toBe('token_wrong_issuer')
    expect(await outcome(async () => verify(await bearer({ aud: 'theirs' })))).toBe('token_wrong_audience')
  })
})

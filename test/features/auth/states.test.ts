import { describe, expect, test } from 'bun:test'
import { states } from '../../../src/features/auth/states.ts'
import { newSecret } from '../../../src/protocol/pkce.ts'
import { fields } from '../../../src/store/fields.ts'
import { signIns } from '../../../src/store/schema.ts'
import { engines } from '../../kit/engines.ts'
import { population } from '../../kit/population.ts'

const CALLBACK = 'https://app.example/chat'
const MINUTE = 60_000

describe.each(engines)('on $name', ({ fresh }) => {
  const people = population(fresh)

  function stage() {
    const { store, keys, clock } = people()
    const at = states({ store, fields: fields(keys.fields), now: clock.now })
    const browser = newSecret()
    const begin = async (challenge: string | null = newSecret()) => {
      const attempt = { state: newSecret(), verifier: newSecret(), nonce: newSecret() }
      const signIn = { provider: 'google', attempt, callback: CALLBACK, challenge }
      await at.begin(signIn, browser)
      return signIn
    }
    const rows = () => store.db.select().from(signIns).prepare().execute()
    return { ...at, clock, browser, beginOne: begin, rows }
  }

  describe('a sign-in under way', () => {
    test.each([
      ['with', newSecret()],
      ['without', null],
    ])('%s a challenge is given back as it began, once', async (_, challenge) => {
      const { beginOne, take, browser } = stage()
      const begun = await beginOne(challenge)
      expect(await take(begun.attempt.state, browser)).toEqual(begun)
      expect(await take(begun.attempt.state, browser)).toBeUndefined()
    })

    test('is given to one of many that ask at once', async () => {
      const { beginOne, take, browser } = stage()
      const { state } = (await beginOne()).attempt
      const given = await Promise.all(Array.from({ length: 6 }, () => take(state, browser)))
      expect(given.filter(it => it !== undefined)).toHaveLength(1)
    })

    test('is not there for another browser, which does not use it up', async () => {
      const { beginOne, take, browser } = stage()
      const { state } = (await beginOne()).attempt
      expect(await take(state, newSecret())).toBeUndefined()
      expect(await take(state, browser)).toBeDefined()
    })

    test('is over after ten minutes, to the millisecond', async () => {
      const { beginOne, take, browser, clock } = stage()
      const [first, second] = [await beginOne(), await beginOne()]
      clock.pass(10 * MINUTE - 1)
      expect(await take(first.attempt.state, browser)).toBeDefined()
      clock.pass(1)
      expect(await take(second.attempt.state, browser)).toBeUndefined()
    })

    test('is swept when it is over, and no sooner', async () => {
      const { beginOne, take, sweep, browser, clock, rows } = stage()
      await beginOne()
      clock.pass(1)
      const young = await beginOne()
      clock.pass(10 * MINUTE - 1)
      await sweep()
      expect((await rows()).map(({ provider }) => provider)).toEqual(['google'])
      expect(await take(young.attempt.state, browser)).toBeDefined()
    })

    test('is kept so that nobody can read or finish it', async () => {
      const { beginOne, browser, rows } = stage()
      const { attempt, challenge } = await beginOne()
      const kept = JSON.stringify(await rows())
      for (const secret of [...Object.values(attempt), challenge ?? '', browser, CALLBACK])
        expect(kept).not.toContain(secret)
    })
  })
})

import { describe, expect, test } from 'bun:test'
import { engines } from '../kit/engines.ts'
import { population } from '../kit/population.ts'
import { outcome } from '../kit/problem.ts'

const DAY = 86_400_000

describe.each(engines)('on $name', ({ fresh }) => {
  const people = population(fresh)

  test('a credential is not remembered past its end by a clock that steps back while it is looked up', async () => {
    const { one, other, clock } = people({ processes: 2 })
    const { user, session } = await one.signIn()
    const made = await one.apiKeys.make(user, { name: 'x', expiresAt: null })
    const finds = [() => one.sessions.find(session.token), () => one.apiKeys.find(made.key)]
    for (const find of finds) {
      clock.pass(DAY)
      const found = find()
      clock.pass(-DAY)
      await found
    }
    await other.sessions.endAll(user)
    await other.apiKeys.revoke(user, made.id)
    clock.pass(5000)
    expect(await Promise.all(finds.map(outcome))).toEqual(['session_not_found', 'key_not_found'])
  })
})

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { account } from '../../kit/account.ts'
import { type Clock, clockAt } from '../../kit/clock.ts'
import { engines } from '../../kit/engines.ts'
import { type Kit, startGateway } from '../../kit/gateway.ts'
import { identity } from '../../kit/identity.ts'

let clock: Clock
let kit: Kit

describe.each(engines)('on $name', ({ fresh }) => {
  beforeAll(async () => {
    clock = clockAt()
    kit = await startGateway({ upstream: 'http://127.0.0.1:1', now: clock.now, database: await fresh() })
  })
  afterAll(() => kit.stop())

  describe('a profile', () => {
    test('tells which accounts are linked, the oldest first, and nobody else’s', async () => {
      const google = identity({ name: 'Ada' })
      await account(kit, identity())
      const { user } = await account(kit, google)
      clock.pass(1500)
      const ada = await account(
        kit,
        identity({ provider: 'github', issuer: 'https://github.com', email: google.email }),
      )
      expect(await ada.told('GET', '/users/me')).toEqual({
        user: expect.objectContaining({ id: user, email: google.email, name: 'Ada' }),
        linked_accounts: [
          { provider: 'google', linked_at: '2026-01-01T00:00:00.000Z' },
          { provider: 'github', linked_at: '2026-01-01T00:00:01.500Z' },
        ],
      })
    })

    test('may have no address', async () => {
      const ada = await account(kit, identity({ email: null, isProven: false }))
      expect(await ada.told('GET', '/users/me')).toMatchObject({ user: { id: ada.user, email: null } })
    })
  })
})

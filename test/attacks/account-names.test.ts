import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { account } from '../kit/account.ts'
import { engines } from '../kit/engines.ts'
import { type Kit, startGateway } from '../kit/gateway.ts'

describe.each(engines)('on $name', engine => {
  let kit: Kit
  beforeAll(async () => {
    kit = await startGateway({ upstream: 'http://127.0.0.1:1', database: await engine.fresh(), mockLogin: true })
  })
  afterAll(() => kit.stop())

  test.each([
    ['a Kelvin sign', '\u212aate@example.com'],
    ['an accent of its own', 'kate\u0301@example.com'],
    ['full-width letters', '\uff4bate@example.com'],
    ['a joiner that nobody sees', 'kate\u200d@example.com'],
    ['a plus', 'kate+x@example.com'],
    ['a dot', 'k.ate@example.com'],
  ])('an address with %s is not its look-alike’s', async (_, email) => {
    const [kate, mallory] = [await account(kit, 'Kate@example.com'), await account(kit, email)]
    expect(mallory.user).not.toBe(kate.user)
    expect((await mallory.ask('DELETE', '/users/me', { confirm: 'kate@example.com' })).status).toBe(400)
    expect((await account(kit, 'kate@EXAMPLE.com')).user).toBe(kate.user)
  })

  test.each(['{"__proto__":{"notification":true}}', '{"constructor":{}}', '{"hasOwnProperty":1,"toString":1}'])(
    'settings of %s are refused',
    async body => {
      const { headers } = await account(kit, 'proto@example.com')
      const answer = await fetch(`${kit.url}/v1/users/me/settings`, { method: 'PATCH', headers, body })
      expect(answer.status).toBe(400)
    },
  )

  test('a prompt comes back as it was, zero bytes and all', async () => {
    const ada = await account(kit, 'odd@example.com')
    const system_prompt = 'a\0b\u2028\u{1f600}\ufeff'
    expect((await ada.ask('PATCH', '/users/me/settings', { system_prompt })).status).toBe(200)
    const { settings } = await ada.told<{ settings: object }>('GET', '/users/me/settings')
    expect(settings).toMatchObject({ system_prompt })
  })
})

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { account } from '../../kit/account.ts'
import { engines } from '../../kit/engines.ts'
import { type Kit, startGateway } from '../../kit/gateway.ts'

let kit: Kit

const PATH = '/users/me/settings'
const DEFAULTS = { notification: false, web_search: true, appearance: 'System' }

describe.each(engines)('on $name', ({ fresh }) => {
  beforeAll(async () => {
    kit = await startGateway({ upstream: 'http://127.0.0.1:1', database: await fresh() })
  })
  afterAll(() => kit.stop())

  describe('settings', () => {
    test('are the defaults at first', async () => {
      const ada = await account(kit, 'first@example.com')
      expect(await ada.told('GET', PATH)).toEqual({ user_id: ada.user, settings: DEFAULTS })
    })

    test('are replaced as a whole by POST, the prompt too', async () => {
      const ada = await account(kit, 'post@example.com')
      const settings = { notification: true, system_prompt: 'Be brief.', web_search: false, appearance: 'Dark' }
      expect(await ada.told('POST', PATH, settings)).toEqual({ user_id: ada.user, settings })
      const { system_prompt: _, ...rest } = settings
      expect(await ada.told('POST', PATH, rest)).toEqual({ user_id: ada.user, settings: rest })
      expect(await ada.told('GET', PATH)).toEqual({ user_id: ada.user, settings: rest })
    })

    test('are changed one by one by PATCH, and null clears the prompt', async () => {
      const ada = await account(kit, 'patch@example.com')
      await ada.ask('PATCH', PATH, { system_prompt: 'Be brief.' })
      expect(await ada.told('PATCH', PATH, { appearance: 'Light' })).toMatchObject({
        settings: { ...DEFAULTS, system_prompt: 'Be brief.', appearance: 'Light' },
      })
      const cleared = { user_id: ada.user, settings: { ...DEFAULTS, appearance: 'Light' } }
      expect(await ada.told('PATCH', PATH, { system_prompt: null })).toEqual(cleared)
      expect(await ada.told('PATCH', PATH, {})).toEqual(cleared)
    })

    test('lose nothing when many are changed together', async () => {
      const ada = await account(kit, 'together@example.com')
      const changes = [{ notification: true }, { web_search: false }, { appearance: 'Dark' }, { system_prompt: 'x' }]
      await Promise.all(changes.map(change => ada.ask('PATCH', PATH, change)))
      expect(await ada.told('GET', PATH)).toMatchObject({ settings: Object.assign({}, ...changes) })
    })

    test('take a prompt of 65,536 bytes of UTF-8, and no longer one', async () => {
      const ada = await account(kit, 'long@example.com')
      const longest = 'ä'.repeat(32_768)
      expect((await ada.ask('PATCH', PATH, { system_prompt: longest })).status).toBe(200)
      expect(await ada.told('GET', PATH)).toMatchObject({ settings: { system_prompt: longest } })
      const { error } = await ada.told<{ error: object }>('PATCH', PATH, { system_prompt: `${longest}x` })
      expect(error).toMatchObject({
        code: 'invalid_body',
        message: 'Invalid body: "system_prompt" must be a text of at most 65536 bytes in UTF-8, or null.',
      })
    })

    test.each<[string, object]>([
      ['POST', {}],
      ['POST', { notification: true, web_search: true }],
      ['POST', { notification: true, web_search: true, appearance: 'dark' }],
      ['PATCH', { notification: 'true' }],
      ['PATCH', { notification: null }],
      ['PATCH', { theme: 'Dark' }],
      ['PATCH', [1]],
    ])('refuse %s of %j', async (method, body) => {
      const ada = await account(kit, 'refused@example.com')
      expect((await ada.ask(method, PATH, body)).status).toBe(400)
      expect(await ada.told('GET', PATH)).toMatchObject({ settings: DEFAULTS })
    })

    test('refuse a body over 256 KiB', async () => {
      const ada = await account(kit, 'huge@example.com')
      expect((await ada.ask('PATCH', PATH, { system_prompt: 'x'.repeat(262_144) })).status).toBe(413)
    })
  })
})

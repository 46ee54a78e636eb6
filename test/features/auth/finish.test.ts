import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Kit } from '../../kit/gateway.ts'
import { signingIn, toldIn, visitor } from '../../kit/sign-in.ts'

let kit: Kit
beforeAll(async () => {
  kit = await signingIn()
})
afterAll(() => kit.stop())

/** The last line of the log about an event, without what differs each time. */
function lastLine(event: string): unknown {
  const line = kit.lines.findLast(line => line.includes(`"event":"${event}"`))
  const { time, request, fault, ...rest } = JSON.parse(line ?? '{}')
  return rest
}

describe('what goes wrong after a state was found', () => {
  test.each(['access_denied', 'email_unverified', 'sign_in_failed', 'upstream_unreachable', 'upstream_timeout'])(
    'is told to the frontend: %s',
    async error => {
      const ada = visitor(kit)
      const back = await ada.back({ state: await ada.begin({ frontend_callback: 'https://app.example/chat/' }), error })
      expect([back.status, back.headers.get('location')]).toEqual([
        302,
        `https://app.example/chat/auth/callback?error=${error}&error_description=Sealed+%26+%22signed%22%3A+${error}.`,
      ])
      expect(back.headers.get('cache-control')).toBe('no-store')
      expect(lastLine('sign_in_failed')).toEqual({
        level: 'warn',
        event: 'sign_in_failed',
        provider: 'google',
        code: error,
      })
    },
  )

  test('is told to the operator in a word of the standard, and in no other', async () => {
    for (const said of ['invalid_client', 'ada@example.com']) {
      const ada = visitor(kit)
      await ada.back({ state: await ada.begin({}, 'github'), error: 'sign_in_failed', said })
      expect(lastLine('sign_in_failed')).toEqual({
        ...{ level: 'warn', event: 'sign_in_failed', provider: 'github', code: 'sign_in_failed' },
        ...(said === 'invalid_client' && { oauth_error: said }),
      })
    }
  })

  test('and is a fault of ours is told to nobody', async () => {
    const ada = visitor(kit)
    const back = await ada.back({ state: await ada.begin(), error: 'broken', code: 'ada' })
    expect([back.status, back.headers.get('location')]).toEqual([500, null])
    expect(await back.text()).not.toContain('ada')
    expect(lastLine('request')).toMatchObject({ route: '/v1/auth/callback', status: 500, code: 'internal' })
  })

  test('is for good: the state is used', async () => {
    const ada = visitor(kit)
    const state = await ada.begin()
    await ada.back({ state, error: 'access_denied' })
    expect((await ada.back({ state, code: 'ada' })).status).toBe(401)
  })
})

test('a sign-in that went well has its line', async () => {
  for (const is_new of [true, false]) {
    await visitor(kit).code('new-here')
    expect(lastLine('signed_in')).toEqual({ level: 'info', event: 'signed_in', provider: 'google', is_new })
  }
})

test('a HEAD on the way back takes nothing', async () => {
  const ada = visitor(kit)
  const state = await ada.begin()
  const ahead = await ada.ask(`/v1/auth/callback?state=${state}&code=ada`, { method: 'HEAD' })
  expect([ahead.status, ahead.headers.get('location')]).toEqual([401, null])
  expect(toldIn(await ada.back({ state, code: 'ada' })).get('code')).toHaveLength(43)
})

describe('the exchange of a code', () => {
  test.each([
    ['no body', '', 400],
    ['no JSON', '{', 400],
    ['an array', '[]', 400],
    ['no verifier', '{"code":"x"}', 400],
    ['a number for a code', '{"code":1,"code_verifier":"x"}', 400],
    ['a member more', '{"code":"x","code_verifier":"x","state":"x"}', 400],
    ['a member twice', '{"code":"x","code":"x","code_verifier":"x"}', 400],
    ['a code that never was', `{"code":"x","code_verifier":"${'v'.repeat(43)}"}`, 401],
    ['a verifier that is too short to be one', '{"code":"x","code_verifier":"x"}', 401],
  ])('with %s is refused', async (_, body, status) => {
    expect((await visitor(kit).ask('/v1/auth/token', { method: 'POST', body })).status).toBe(status)
  })

  test('asks no cookie and no origin, only code and verifier', async () => {
    const ada = visitor(kit)
    expect((await visitor(kit).redeem(await ada.code('ada'), ada.verifier)).status).toBe(200)
  })
})

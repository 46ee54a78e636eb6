import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { challengeOf, newSecret } from '../../src/protocol/pkce.ts'
import { by } from '../kit/account.ts'
import { clockAt } from '../kit/clock.ts'
import { withLines } from '../kit/data.ts'
import type { Kit } from '../kit/gateway.ts'
import { APP, sessionIn, signingIn, standInProvider, stateOf, toldIn, visitor } from '../kit/sign-in.ts'

const clock = clockAt()
const provider = standInProvider()
let kit: Kit
let secure: Kit
beforeAll(async () => {
  kit = await signingIn({ providers: [provider] }, { now: clock.now })
  secure = await signingIn({ publicUrl: 'https://gateway.example' }, { now: clock.now })
})
afterAll(() => Promise.all([kit.stop(), secure.stop()]))

type Visitor = ReturnType<typeof visitor>
const browser = () => visitor(kit)
/** All of an answer that may tell one refusal from another. */
const shown = async (answer: Response) => {
  const headers = [...answer.headers].filter(([name]) => !/^(date|x-request-id|x-ratelimit)/.test(name))
  return JSON.stringify([answer.status, headers, await answer.text()])
}

describe('a way back is refused in the same bytes', () => {
  const ways: Record<string, (ada: Visitor) => Promise<Response>> = {
    'without a state': async ada => {
      await ada.begin()
      return ada.back({ code: 'ada' })
    },
    'with an empty state': async ada => {
      await ada.begin()
      return ada.back({ state: '', code: 'ada' })
    },
    'with an unknown state': async ada => {
      await ada.begin()
      return ada.back({ state: newSecret(), code: 'ada' })
    },
    'with a used state': async ada => {
      const state = await ada.begin()
      await ada.back({ state, code: 'ada' })
      return ada.back({ state, code: 'ada' })
    },
    'with an expired state': async ada => {
      const state = await ada.begin()
      clock.pass(600_000)
      return ada.back({ state, code: 'ada' })
    },
    'with two states': async ada => ada.ask(`/v1/auth/callback?state=${await ada.begin()}&state=x&code=ada`),
    'with the state twice': async ada => {
      const state = await ada.begin()
      return ada.ask(`/v1/auth/callback?state=${state}&state=${state}&code=ada`)
    },
    "with another browser's state": async ada => {
      await ada.begin()
      return ada.back({ state: await browser().begin(), code: 'ada' })
    },
    'with a state and no cookie': async ada => {
      const state = await ada.begin()
      ada.cookies.clear()
      return ada.back({ state, code: 'ada' })
    },
    'with a state and a forged cookie': async ada => {
      const state = await ada.begin()
      for (const [name, value] of ada.cookies) ada.cookies.set(name, value.replace(/\..*/, `.${newSecret()}`))
      return ada.back({ state, code: 'ada' })
    },
    'with an error and an unknown state': async ada => {
      await ada.begin()
      return ada.back({ state: newSecret(), error: 'access_denied', error_description: '<script>' })
    },
    'with nothing at all': async ada => ada.ask('/v1/auth/callback'),
  }
  test.each(Object.entries(ways))('%s', async (_, way) => {
    const answer = await way(browser())
    expect(answer.headers.get('location')).toBeNull()
    expect(await shown(answer)).toBe(await shown(await browser().ask('/v1/auth/callback')))
    expect(answer.status).toBe(401)
  })
})

describe('a code is refused in the same bytes', () => {
  const ways: Record<string, (ada: Visitor) => Promise<Response>> = {
    'that never was': async ada => ada.redeem(newSecret()),
    'that was used': async ada => {
      const code = await ada.code('ada')
      await ada.redeem(code)
      return ada.redeem(code)
    },
    'that expired': async ada => {
      const code = await ada.code('ada')
      clock.pass(60_000)
      return ada.redeem(code)
    },
    'with the verifier of another': async ada => ada.redeem(await ada.code('ada'), newSecret()),
    'with its challenge for a verifier': async ada => ada.redeem(await ada.code('ada'), challengeOf(ada.verifier)),
    'with a verifier that is none': async ada => ada.redeem(await ada.code('ada'), 'x'),
    'and its challenge, where the verifier goes on with it': async ada =>
      ada.redeem(`${await ada.code('ada')}.${challengeOf(ada.verifier)}`),
  }
  test.each(Object.entries(ways))('%s', async (_, way) => {
    const answer = await way(browser())
    expect(await shown(answer)).toBe(await shown(await browser().redeem(newSecret())))
    expect(answer.status).toBe(401)
  })
})

test("another browser's state is not used up by whoever else brings it", async () => {
  const [ada, mallory] = [browser(), browser()]
  await mallory.begin()
  const state = await ada.begin()
  expect((await mallory.back({ state, code: 'mallory' })).status).toBe(401)
  expect((await ada.redeem(toldIn(await ada.back({ state, code: 'ada' })).get('code') ?? '')).status).toBe(200)
})

describe('code injection', () => {
  test("a stolen code opens nothing without its frontend's verifier, and stays its frontend's", async () => {
    const [ada, mallory] = [browser(), browser()]
    const code = await ada.code('ada')
    for (const verifier of [mallory.verifier, challengeOf(ada.verifier), 'a'.repeat(43)])
      expect((await mallory.redeem(code, verifier)).status).toBe(401)
    const { token } = await sessionIn(await ada.redeem(code))
    // Nor does it end what it began.
    expect((await mallory.redeem(code)).status).toBe(401)
    expect((await by(kit, `Bearer ${token}`).ask('GET', '/users/me')).status).toBe(200)
  })

  test("a provider's code goes with the verifier and the nonce of the browser's own sign-in", async () => {
    const [ada, mallory] = [browser(), browser()]
    await mallory.begin()
    const stolen = provider.attempts.at(-1)
    const state = await ada.begin()
    let asked: unknown
    const { finish } = provider
    provider.finish = (query, attempt) => {
      asked = attempt
      return finish(query, attempt)
    }
    await ada.back({ state, code: 'mallory' })
    provider.finish = finish
    expect(asked).toEqual(provider.attempts.at(-1))
    expect(asked).not.toEqual(stolen)
  })
})

describe('PKCE downgrade', () => {
  const challenge = challengeOf(newSecret())
  test.each([
    ['no challenge', ''],
    ['an empty one', 'code_challenge='],
    ['the method plain', `code_challenge=${challenge}&code_challenge_method=plain`],
    ['the method PLAIN', `code_challenge=${challenge}&code_challenge_method=PLAIN`],
    ['S256 in small letters', `code_challenge=${challenge}&code_challenge_method=s256`],
    ['a method and no challenge', 'code_challenge_method=S256'],
    ['a second challenge', `code_challenge=${challenge}&code_challenge=${challengeOf(newSecret())}`],
    ['a second method', `code_challenge=${challenge}&code_challenge_method=S256&code_challenge_method=plain`],
    ['a short challenge', 'code_challenge=x'],
  ])('by %s begins nothing', async (_, query) => {
    const answer = await browser().ask(`/v1/auth/google?${query}`)
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null])
  })

  test('by a verifier that could be guessed from its challenge ends in nothing', async () => {
    const careless = visitor(kit, 'a'.repeat(42))
    expect((await careless.redeem(await careless.code('ada'))).status).toBe(401)
  })

  test('by leaving the method out is none: it is S256 all the same', async () => {
    const verifier = newSecret()
    const ada = visitor(kit, verifier)
    const code = await ada.code('ada')
    expect((await ada.redeem(code, challengeOf(verifier))).status).toBe(401)
    expect((await ada.redeem(code)).status).toBe(200)
  })
})

describe('login CSRF', () => {
  test("with the attacker's one-time code in the victim's page signs nobody in", async () => {
    const [mallory, victim] = [browser(), browser()]
    const planted = await mallory.code('mallory')
    await victim.begin()
    const answer = await victim.redeem(planted)
    expect([answer.status, await answer.text()]).toEqual([401, expect.not.stringContaining('sess_')])
  })

  test("with the attacker's way back in the victim's browser signs nobody in", async () => {
    const [mallory, victim] = [browser(), browser()]
    const planted = { state: await mallory.begin(), code: 'mallory' }
    for (const begun of [false, true]) {
      if (begun) await victim.begin()
      const answer = await victim.back(planted)
      expect([answer.status, answer.headers.get('location')]).toEqual([401, null])
    }
  })
})

describe('session fixation', () => {
  test('by a cookie that the attacker made up: it is replaced', async () => {
    const victim = browser()
    victim.cookies.set('sealgate-browser', `${newSecret()}.${newSecret()}`)
    const planted = victim.cookies.get('sealgate-browser')
    await victim.begin()
    expect(victim.cookies.get('sealgate-browser')).not.toBe(planted)
  })

  test("by the attacker's own cookie under a name that a neighbour may set: it counts for nothing", async () => {
    const [mallory, victim] = [visitor(secure), visitor(secure)]
    const state = await mallory.begin()
    const [value = ''] = mallory.cookies.values()
    expect([...mallory.cookies.keys()]).toEqual(['__Host-sealgate-browser'])
    victim.cookies.set('sealgate-browser', value)
    expect((await victim.back({ state, code: 'mallory' })).status).toBe(401)
  })

  test('by a session that is brought along: each sign-in makes its own', async () => {
    const ada = browser()
    const { token, session_id } = await sessionIn(await ada.redeem(await ada.code('ada')))
    const code = await ada.code('ada', { token, session_id, state: newSecret() })
    const second = await sessionIn(await ada.redeem(code))
    expect([second.token === token, second.session_id === session_id]).toEqual([false, false])
  })
})

withLines('oauth', 'an open redirect begins no sign-in, however it is spelled', async lines => {
  const query = (frontend_callback: string) => ({ frontend_callback })
  for (const callback of [APP, `${APP}/`]) expect((await browser().start(query(callback))).status).toBe(302)
  const taken: string[] = []
  for (const line of lines) if ((await browser().start(query(line))).status !== 400) taken.push(line)
  expect(taken).toEqual([])
})

test('a whole sign-in leaves no secret in the log, and none in an address but where it must be', async () => {
  for (const sessionInRedirect of [false, true]) {
    const watched = await signingIn({ providers: [provider], sessionInRedirect })
    const ada = visitor(watched)
    const there = await ada.start(sessionInRedirect ? { code_challenge_method: 'S256' } : {})
    const state = stateOf(there)
    const back = await ada.back({ state, code: 'ada-lovelace' })
    const code = toldIn(back).get('code') ?? ''
    const { token } = await sessionIn(await ada.redeem(code))
    const failed = await ada.back({ state: await ada.begin(), error: 'access_denied', code: 'ada-lovelace' })
    const again = await ada.redeem(code)
    const attempt = provider.attempts.at(-2)
    const cookie = [...ada.cookies.values()].flatMap(value => [value, ...value.split('.')])
    const secrets = [state, code, token, ada.verifier, ...cookie, ...Object.values(attempt ?? {}), 'ada-lovelace', APP]
    expect(attempt?.state).toBe(state)
    expect(secrets.filter(secret => watched.lines.some(line => line.includes(secret)))).toEqual([])
    const places = [back, failed].map(answer => answer.headers.get('location') ?? '')
    for (const secret of [state, token, ada.verifier, attempt?.verifier ?? '', attempt?.nonce ?? '', ...cookie])
      expect(places.some(place => place.includes(secret))).toBe(false)
    expect(there.headers.get('location')).not.toContain(attempt?.verifier ?? '')
    expect(again.status).toBe(401)
    await watched.stop()
  }
})

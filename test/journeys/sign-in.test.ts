import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { type StandInEnclave, standInEnclave } from '../../src/dev/enclave.ts'
import { start } from '../kit/binary.ts'
import { freshDirectory } from '../kit/directory.ts'
import { engines } from '../kit/engines.ts'
import { frontend, meOf } from '../kit/frontend.ts'
import { type Kit, startGateway, UPSTREAM_KEY } from '../kit/gateway.ts'
import { type RealProviders, realProviders, signInBy } from '../kit/real-providers.ts'
import { sessionIn } from '../kit/sign-in.ts'

const PROGRAM = join(import.meta.dir, '..', '..', 'src', 'main.ts')
const APP = 'https://app.example'
const SECRET = expect.stringMatching(/^[\w-]{43}$/)

let real: RealProviders
let enclave: StandInEnclave
beforeAll(async () => {
  real = await realProviders()
  enclave = await standInEnclave({ key: UPSTREAM_KEY })
})
afterAll(() => Promise.all([real.stop(), enclave.stop()]))

/** Lets somebody new sign in next, at each of the three, with one address, which all of them have verified. */
function somebody(name = crypto.randomUUID()) {
  const email = `${name}@example.com`
  const claims = { email, email_verified: true, name, picture: `https://a.example/${name}.png` }
  for (const { accounts } of [real.google, real.oidc]) accounts[name] = claims
  real.google.person = real.oidc.person = name
  const user = { id: Math.floor(Math.random() * 2 ** 40) + 1, login: name, name, avatar_url: claims.picture }
  real.github.account = { user, emails: [{ email, primary: true, verified: true }] }
  return claims
}

describe.each(engines)('on $name', ({ fresh }) => {
  let database: string
  let kit: Kit
  let other: Kit
  const gateway = (env: Record<string, string> = {}) =>
    startGateway({
      upstream: enclave.url,
      database,
      proxies: ['127.0.0.0/8'],
      signIn: PUBLIC_URL => signInBy({ PUBLIC_URL, FRONTEND_URL: APP, ...real.env, ...env }),
    })
  beforeAll(async () => {
    database = await fresh()
    kit = await gateway()
    other = await gateway({ PUBLIC_URL: kit.url })
  })
  afterAll(() => Promise.all([kit.stop(), other.stop()]))

  const quiet = ({ status, headers }: Response) => [
    status,
    headers.get('cache-control'),
    headers.get('referrer-policy'),
  ]

  test.each(['google', 'github', 'oidc'])('a person signs in with %s, and then their session opens', async id => {
    const { name, email, picture } = somebody()
    const page = frontend(kit)

    const there = await page.start(id)
    expect(quiet(there)).toEqual([302, 'no-store', 'no-referrer'])
    expect(there.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^sealgate-browser=[\w-]{43}\.[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/),
    ])
    const asked = new URL(there.headers.get('location') ?? '').searchParams
    expect(Object.fromEntries(asked)).toMatchObject({
      ...{ response_type: 'code', redirect_uri: `${kit.url}/v1/auth/callback` },
      ...{ state: SECRET, code_challenge: SECRET, code_challenge_method: 'S256' },
      ...(id !== 'github' && { nonce: SECRET }),
    })

    const way = await page.pass(there)
    expect(way.origin + way.pathname).toBe(`${kit.url}/v1/auth/callback`)
    expect([...way.searchParams.keys()].sort()).toEqual(['code', 'iss', 'state'])

    const back = await page.back(way)
    expect(quiet(back)).toEqual([302, 'no-store', 'no-referrer'])
    expect(back.headers.getSetCookie()).toEqual([])
    const door = new URL(back.headers.get('location') ?? '')
    expect([door.origin + door.pathname, Object.fromEntries(door.searchParams)]).toEqual([
      `${APP}/auth/callback`,
      { code: SECRET },
    ])

    const answer = await page.redeem(door.searchParams.get('code') ?? '')
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store'])
    const session = await sessionIn(answer)
    expect(session.is_new_user).toBe(true)
    const me = await meOf(kit.url, session.token)
    expect(me).toMatchObject({ user: { email, name, avatar_url: picture }, linked_accounts: [{ provider: id }] })
    const headers = { authorization: `Bearer ${session.token}` }
    expect((await fetch(`${kit.url}/v1/models`, { headers })).status).toBe(200)

    const again = await frontend(kit).signIn(id)
    expect([again.session.is_new_user, again.user.id]).toEqual([false, me.user.id])
    expect(again.session.token).not.toBe(session.token)
  })

  test('whom Google and GitHub know by one verified address is one user, and by OIDC without trust another', async () => {
    const { email } = somebody()
    const google = await frontend(kit).signIn('google')
    const github = await frontend(kit).signIn('github')
    const oidc = await frontend(kit).signIn('oidc')
    expect([github.user.id, github.session.is_new_user]).toEqual([google.user.id, false])
    expect(github.linked_accounts.map(({ provider }) => provider).sort()).toEqual(['github', 'google'])
    expect([oidc.session.is_new_user, oidc.user.email]).toEqual([true, email])
    expect(oidc.user.id).not.toBe(google.user.id)
    expect(oidc.linked_accounts.map(({ provider }) => provider)).toEqual(['oidc'])
  })

  test('what a provider knows anew is taken over, but for an address that another user has', async () => {
    const grace = somebody()
    await frontend(kit).signIn('google')
    const ada = somebody()
    const first = await frontend(kit).signIn('google')
    const moved = { name: 'Countess', picture: 'https://a.example/new.png', email: `new.${ada.email}` }
    real.google.accounts[ada.name] = { ...ada, ...moved }
    const { user } = await frontend(kit).signIn('google')
    expect(user).toMatchObject({ id: first.user.id, name: moved.name, avatar_url: moved.picture, email: moved.email })
    real.google.accounts[ada.name] = { ...ada, ...moved, email: grace.email }
    expect((await frontend(kit).signIn('google')).user).toMatchObject({ id: first.user.id, email: moved.email })
  })

  test.each([
    ['google', 'Google'],
    ['github', 'GitHub'],
    ['oidc', 'Single sign-on'],
  ] as const)('whoever cancels at %s comes back to the frontend, which is told so', async (id, name) => {
    somebody()
    real[id].cancels = true
    try {
      expect(await frontend(kit).told(id)).toEqual({
        error: 'access_denied',
        error_description: `You cancelled at ${name}, or were refused there. Sign in again.`,
      })
    } finally {
      real[id].cancels = false
    }
  })

  test.each([
    ['google', 'Google'],
    ['github', 'GitHub'],
  ])('whose address is not verified at %s comes back to the frontend, which is told so', async (id, name) => {
    const ada = somebody()
    real.google.accounts[ada.name] = { ...ada, email_verified: false }
    real.github.account = { ...real.github.account, emails: [{ email: ada.email, primary: true, verified: false }] }
    expect(await frontend(kit).told(id)).toEqual({
      error: 'email_unverified',
      error_description: `Your e-mail address is not verified at ${name}: verify it there, then sign in again.`,
    })
  })

  test('two gateways on one database sign in together: one sends away, the other takes back', async () => {
    const { name, email } = somebody()
    const page = frontend({ url: other.url, publicUrl: kit.url })
    const way = await page.pass(await page.start('google'))
    expect(way.origin).toBe(kit.url)
    const door = new URL((await page.back(way, kit.url)).headers.get('location') ?? '')
    const { token } = await sessionIn(await page.redeem(door.searchParams.get('code') ?? ''))
    for (const { url } of [kit, other]) expect((await meOf(url, token)).user).toMatchObject({ name, email })
  })

  test('with SESSION_IN_REDIRECT the frontend is told its session at its door', async () => {
    somebody()
    const older = await gateway({ SESSION_IN_REDIRECT: 'true' })
    try {
      const { token = '', ...rest } = await frontend(older).told('github', {})
      const told = { session_id: expect.any(String), expires_at: expect.any(String), is_new_user: 'true' }
      expect(rest).toEqual(told)
      expect((await meOf(kit.url, token)).linked_accounts).toHaveLength(1)
      expect(await frontend(older).told('github', {})).not.toHaveProperty('is_new_user')
    } finally {
      await older.stop()
    }
  })
})

test('the program itself, told by its environment and behind https, signs in with GitHub', async () => {
  const { name, email } = somebody()
  const { GITHUB_CLIENT_ID = '', GITHUB_CLIENT_SECRET = '', GITHUB_BASE_URL = '' } = real.env
  const publicUrl = 'https://gateway.example/ai'
  const places = {
    PUBLIC_URL: publicUrl,
    FRONTEND_URL: `${APP}/chat`,
    CORS_ALLOWED_ORIGINS: APP,
    TRUSTED_PROXIES: '127.0.0.0/8',
  }
  const running = start(process.execPath, {
    args: ['--no-env-file', PROGRAM, '--dev-mode', '--port', '0'],
    env: { GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET, GITHUB_BASE_URL, ...places, LOG_LEVEL: 'debug' },
    cwd: freshDirectory(),
  })
  try {
    const [, port] = await running.says(/listening port=(\d+)/)
    // What a proxy does that takes https and a path prefix away.
    const url = `http://127.0.0.1:${port}`
    const strip = (way: URL) => new URL(way.href.replace(publicUrl, url))
    const page = frontend({ url, publicUrl })
    const there = await page.start('github')
    expect(there.headers.get('set-cookie')).toMatch(/^__Host-sealgate-browser=.*; HttpOnly; SameSite=Lax; Secure$/)
    const door = new URL((await page.back(strip(await page.pass(there)))).headers.get('location') ?? '')
    expect(door.href).toStartWith(`${APP}/chat/auth/callback?code=`)
    const code = door.searchParams.get('code') ?? ''
    const { token } = await sessionIn(await page.redeem(code))
    expect((await meOf(url, token)).user).toMatchObject({ name, email })
    expect((await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200)
    for (const secret of [code, token, GITHUB_CLIENT_SECRET, email]) expect(running.output()).not.toContain(secret)
    expect(running.output()).not.toContain('warning')
  } finally {
    running.signal('SIGTERM')
    expect(await running.exited).toBe(0)
  }
})

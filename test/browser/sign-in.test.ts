import { afterAll, beforeAll, expect } from 'bun:test'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { servedPage, sharedChromium, withChromium } from '../kit/browser.ts'
import { type Kit, startGateway } from '../kit/gateway.ts'
import { type RealProviders, realProviders, signInBy } from '../kit/real-providers.ts'

const WAY_BACK = /\/v1\/auth\/callback/
const chromium = sharedChromium()
const home = servedPage('sign-in')
const DOOR = `${home.origin}/auth/callback?code=`
let real: RealProviders
let kit: Kit
// Where browsers find the gateway: at another host than provider and page, for cookies go by host.
let url: string
let held = Promise.resolve()
const front = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  reusePort: false,
  development: false,
  fetch: async (request, server) => {
    if (WAY_BACK.test(request.url)) await held
    return kit.fetch(request, server)
  },
})

beforeAll(async () => {
  url = `http://localhost:${front.port}`
  real = await realProviders()
  real.oidc.hasPages = true
  kit = await startGateway({
    upstream: 'http://127.0.0.1:1',
    origins: [home.origin],
    signIn: () => signInBy({ ...real.env, PUBLIC_URL: url, FRONTEND_URL: home.origin, OIDC_NAME: 'The House' }),
  })
})

afterAll(async () => {
  await chromium.stop()
  await kit.stop()
  await Promise.all([front.stop(true), real.stop(), home.stop()])
})

const alerted = async (page: Page) => (await page.locator('#alert p').first().textContent()) ?? ''

/** Opens the page; gives the addresses to which its window goes from then on. */
async function visit() {
  const page = await chromium.page()
  const addresses: string[] = []
  page.on('request', request => request.isNavigationRequest() && addresses.push(request.url()))
  page.on('framenavigated', frame => addresses.push(frame.url()))
  await page.goto(home.origin)
  await page.getByLabel('Gateway').fill(url)
  await page.getByLabel('Gateway').blur()
  return { page, addresses }
}

/** Chooses the provider, and says yes on each of its pages. */
async function signIn(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Sign in with The House' }).click()
  for (const title of ['login', 'consent']) {
    await page.waitForFunction(`document.title === '${title}'`)
    await page.getByRole('button', { name: 'Yes' }).click()
  }
}

withChromium('a person signs in by the provider’s pages, signs out, and is known again', async () => {
  const [grace, email] = ['Grace', 'grace@example.com']
  Object.assign(real.oidc, { person: grace }).accounts[grace] = { email, email_verified: true, name: grace }
  const { page, addresses } = await visit()
  const answer = page.waitForResponse(`${url}/v1/auth/token`)
  await signIn(page)
  const { token }: { token: string } = await (await answer).json()
  expect(token).toMatch(/^sess_/)
  await page.getByRole('heading', { name: 'Welcome, Grace.' }).waitFor()
  expect(await page.locator('#email').textContent()).toBe(email)
  expect(await page.locator('#accounts').textContent()).toBe('oidc')
  const { SCREENSHOT_SIGN_IN } = process.env
  if (SCREENSHOT_SIGN_IN) await page.screenshot({ path: join(import.meta.dir, '../..', SCREENSHOT_SIGN_IN) })

  expect(page.url()).toBe(`${home.origin}/`)
  expect(addresses.some(address => address.startsWith(DOOR))).toBe(true)
  const stored = await page.evaluate('JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie])')
  expect(`${addresses} ${stored}`).not.toContain(token)
  expect(stored).toBe(`[{"gateway":"${url}"},{},""]`)

  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('button', { name: 'Sign in with The House' }).waitFor()
  const after = await fetch(`${kit.url}/v1/users/me`, { headers: { authorization: `Bearer ${token}` } })
  expect(after.status).toBe(401)

  // The provider remembers them too, and asks nothing.
  await page.getByRole('button', { name: 'Sign in with The House' }).click()
  await page.getByRole('heading', { name: 'Welcome back, Grace.' }).waitFor()
})

withChromium('whoever opens a way that is another’s is not signed in, and the other still is', async () => {
  const { page, addresses } = await visit()
  const victim = await chromium.page()
  // They have signed in too: with a cookie, but not with this one.
  await victim.goto(`${url}/v1/auth/github?code_challenge=${'A'.repeat(43)}`)
  const others = Promise.withResolvers<void>()
  held = others.promise
  const wayBack = page.waitForRequest(request => WAY_BACK.test(request.url()))
  const signingIn = signIn(page)
  const copied = (await wayBack).url()
  held = Promise.resolve()
  const answer = await victim.goto(copied)
  expect([answer?.status(), await answer?.text()]).toEqual([401, expect.stringContaining('is of another browser')])

  others.resolve()
  await signingIn
  await page.getByRole('heading', { name: /^Welcome/ }).waitFor()
  const asked: string[] = []
  victim.on('request', request => asked.push(request.url()))
  await victim.goto(addresses.find(address => address.startsWith(DOOR)) ?? '')
  expect(await alerted(victim)).toBe('No sign-in was begun in this tab. Begin one here.')
  expect(await victim.locator('#signed-in').isVisible()).toBe(false)
  expect(asked.filter(address => address.endsWith('/v1/auth/token'))).toBeEmpty()
})

withChromium('whoever cancels at the provider reads so, and finds the way to try again', async () => {
  const { page } = await visit()
  real.oidc.cancels = true
  try {
    await page.getByRole('button', { name: 'Sign in with The House' }).click()
    await page.getByRole('button', { name: 'Yes' }).click()
    expect(await alerted(page)).toBe(
      'You cancelled at The House, or were refused there. Sign in again. (access_denied)',
    )
    expect(page.url()).toBe(`${home.origin}/`)
  } finally {
    real.oidc.cancels = false
  }
})

import { afterAll, beforeAll, expect } from 'bun:test'
import { join } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { type StandInEnclave, standInEnclave } from '../../src/dev/enclave.ts'
import { EXPOSED } from '../../src/protocol/headers.ts'
import { servedPage, sharedChromium, withChromium } from '../kit/browser.ts'
import { type Kit, startGateway, UPSTREAM_KEY } from '../kit/gateway.ts'

/** Holds the enclave's next event back until it is let go; open unless closed. */
function turnstile() {
  let gate: PromiseWithResolvers<void> | undefined
  const waiting: PromiseWithResolvers<void>[] = []
  return {
    sleep: () => {
      if (!gate) return Promise.resolve()
      const next = Promise.withResolvers<void>()
      waiting.push(next)
      return next.promise
    },
    close: () => {
      gate = Promise.withResolvers<void>()
    },
    /** Lets one event through, as soon as there is one. */
    one: async () => {
      while (waiting.length === 0) await Bun.sleep(5)
      waiting.shift()?.resolve()
    },
    open: () => {
      gate = undefined
      for (const each of waiting.splice(0)) each.resolve()
    },
  }
}

const chromium = sharedChromium()
const gate = turnstile()
const home = servedPage()
const elsewhere = servedPage()
let enclave: StandInEnclave
let gateway: Kit

beforeAll(async () => {
  enclave = await standInEnclave({ key: UPSTREAM_KEY, sleep: gate.sleep })
  gateway = await startGateway({ upstream: enclave.url, origins: [home.origin], plaintext: false, rpm: 2, burst: 3 })
})

afterAll(async () => {
  await chromium.stop()
  await gateway.stop()
  await Promise.all([enclave.stop(), home.stop(), elsewhere.stop()])
})

const textOf = async (place: Locator) => (await place.textContent()) ?? ''
const answers = (page: Page) => page.locator('.assistant')
const done = (page: Page) => page.locator('#log[aria-busy=false]').waitFor()

// One for all stories: it keeps nothing, so that a visit begins anew, and a page of its own costs twice as much.
let opened: Promise<Page> | undefined

/** Opens the page and fills its fields. */
async function visit(origin: string, fields: { token: string; gateway?: string }): Promise<Page> {
  opened ??= chromium.page()
  const page = await opened
  await page.removeAllListeners('request')
  await page.goto(origin)
  await page.getByLabel('Gateway').fill(fields.gateway ?? gateway.url)
  await page.getByLabel('Token').fill(fields.token)
  return page
}

async function ask(page: Page, prompt: string): Promise<void> {
  await page.getByLabel('Message').fill(prompt)
  await page.getByRole('button', { name: 'Send sealed' }).click()
}

async function alerted(page: Page): Promise<string> {
  await page.locator('#alert p').first().waitFor()
  return textOf(page.getByRole('alert'))
}

const tokenOf = async (subject: string) => (await gateway.bearer(subject)).authorization.slice('Bearer '.length)

withChromium(
  'a page of another origin chats sealed, asks nobody but the gateway, and remembers the turns',
  async () => {
    const page = await visit(home.origin, { token: await tokenOf('ada') })
    const asked: { url: string; body: string | null }[] = []
    page.on('request', request => asked.push({ url: request.url(), body: request.postData() }))
    await ask(page, 'Is anybody reading this?')
    await done(page)
    expect(await textOf(answers(page))).toEndWith('You said: Is anybody reading this?')
    await ask(page, 'And this, naïve as ever: Ωμέγα?')
    await done(page)
    expect(await textOf(answers(page).last())).toEndWith('You said: And this, naïve as ever: Ωμέγα?')
    expect(await textOf(page.getByRole('alert'))).toBe('')

    expect(new Set(asked.map(({ url }) => new URL(url).origin))).toEqual(new Set([gateway.url]))
    const bodies = asked.flatMap(({ body }) => body ?? [])
    expect(bodies).toHaveLength(2)
    for (const body of bodies) expect(body).not.toMatch(/reading|messages|naïve/)
    const { SCREENSHOT } = process.env
    if (SCREENSHOT) await page.screenshot({ path: join(import.meta.dir, '../..', SCREENSHOT), fullPage: true })
  },
)

withChromium('the page shows what the headers that it may read say', async () => {
  const page = await visit(home.origin, { token: await tokenOf('grace') })
  await ask(page, 'Hello')
  await done(page)
  expect(await textOf(page.locator('#body'))).toBe('sealed')
  expect(await textOf(page.locator('#remaining'))).toBe('2')
  const id = await textOf(page.locator('#request-id'))
  expect(id).toMatch(/^[0-9a-f-]{36}$/)
  expect(gateway.lines.filter(line => line.includes(id))).not.toBeEmpty()
})

withChromium('script of the page reads the exposed headers of an answer, and none but those', async () => {
  const page = await visit(home.origin, { token: 'none' })
  const { authorization } = await gateway.bearer('script')
  const url = `${gateway.url}/v1/models`
  const there = [...(await fetch(url, { headers: { authorization, origin: home.origin } })).headers.keys()]
  const read = await page.evaluate(
    async ([url = '', authorization = '']) => [...(await fetch(url, { headers: { authorization } })).headers.keys()],
    [url, authorization],
  )
  // The Fetch standard lets a page read these of any answer.
  const always = ['cache-control', 'content-length', 'content-type']
  expect(read.toSorted()).toEqual(there.filter(name => EXPOSED.includes(name) || always.includes(name)).toSorted())
  expect(read).toContain('x-ratelimit-remaining-requests')
  expect(there).toContain('vary')
})

withChromium('tokens show up one by one, while the enclave still thinks about the next', async () => {
  const page = await visit(home.origin, { token: await tokenOf('alan') })
  gate.close()
  try {
    await ask(page, 'Slowly')
    await gate.one()
    for (const text of ['Stand-in ', 'Stand-in backend, ', 'Stand-in backend, no ', 'Stand-in backend, no model ']) {
      await page.waitForFunction(`document.querySelector('.assistant')?.textContent.endsWith(${JSON.stringify(text)})`)
      expect(await page.locator('#log').getAttribute('aria-busy')).toBe('true')
      await gate.one()
    }
    await page.getByRole('button', { name: 'Stop' }).click()
    await done(page)
    expect(await textOf(page.getByRole('alert'))).toBe('')
  } finally {
    gate.open()
  }
})

withChromium('a page of an origin that is not listed is refused, and says so', async () => {
  const page = await visit(elsewhere.origin, { token: await tokenOf('eve') })
  await ask(page, 'Hello')
  expect(await alerted(page)).toBe(
    `${gateway.url} answers, but does not let pages of ${elsewhere.origin} call it. ` +
      `Its operator has to add ${elsewhere.origin} to CORS_ALLOWED_ORIGINS.`,
  )
  expect(await answers(page).count()).toBe(0)
  expect(await page.getByLabel('Message').inputValue()).toBe('Hello')
})

withChromium('where nothing answers the page says that', async () => {
  const gone = servedPage()
  await gone.stop()
  const page = await visit(home.origin, { token: 'any', gateway: gone.origin })
  await ask(page, 'Hello')
  expect(await alerted(page)).toStartWith(`Nothing answers at ${gone.origin}.`)
})

withChromium('a bad token shows the words of our 401', async () => {
  const page = await visit(home.origin, { token: 'not-a-token' })
  await ask(page, 'Hello')
  const headers = { authorization: 'Bearer not-a-token' }
  const { error }: { error: { message: string } } = JSON.parse(
    await (await fetch(`${gateway.url}/v1/models`, { headers })).text(),
  )
  expect(await alerted(page)).toBe(`${error.message} (401 token_malformed)`)
  expect(await textOf(page.locator('#request-id'))).toMatch(/^[0-9a-f-]{36}$/)
})

withChromium('without a token the page asks for one and sends nothing', async () => {
  const page = await visit(home.origin, { token: '' })
  const asked: string[] = []
  page.on('request', request => asked.push(request.url()))
  await ask(page, 'Hello')
  expect(await alerted(page)).toStartWith('There is no token yet.')
  expect(await page.evaluate('document.activeElement.id')).toBe('token')
  expect(asked).toBeEmpty()
})

withChromium('a 429 shows its words and the time at which to try again', async () => {
  const page = await visit(home.origin, { token: await tokenOf('hasty') })
  for (const prompt of ['One', 'Two', 'Three']) {
    await ask(page, prompt)
    await done(page)
  }
  const before = Date.now()
  await ask(page, 'Four')
  expect(await alerted(page)).toMatch(
    /^Rate limit of 2 requests a minute reached: try again in [\d.]+m?s\. \(429 rate_limited\)Send it again from .+ on\.$/,
  )
  const again = Date.parse((await page.locator('#alert time').getAttribute('datetime')) ?? '')
  expect(again).toBeGreaterThan(before)
  expect(again).toBeLessThan(Date.now() + 30_001)
})

withChromium('a key that changed is fetched again without a word', async () => {
  const page = await visit(home.origin, { token: await tokenOf('rosa') })
  await ask(page, 'Before')
  await done(page)
  await enclave.rotate()
  await ask(page, 'After')
  await done(page)
  expect(await textOf(page.getByRole('alert'))).toBe('')
  expect(await textOf(answers(page).last())).toEndWith('You said: After')
})

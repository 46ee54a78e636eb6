import { test } from 'bun:test'
import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import chat from '../../examples/browser.html'
import signIn from '../../examples/sign-in.html'

const { CHROMIUM = '/usr/bin/chromium' } = process.env

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Declares a test that needs a Chromium, at /usr/bin/chromium or where `CHROMIUM` says; skipped by name without it. */
export function withChromium(name: string, story: () => Promise<void>): void {
  const missing = !existsSync(CHROMIUM)
  test.skipIf(missing)(missing ? `${name} [no chromium]` : name, story, 60_000)
}

/** One Chromium for many tests, started by the first that asks. */
export function sharedChromium() {
  let browser: Promise<Browser> | undefined
  return {
    /** A page with nothing in it, nothing remembered from others. */
    page: async (): Promise<Page> => {
      browser ??= chromium.launch({ executablePath: CHROMIUM, headless: true, args: ARGS })
      const context = await (await browser).newContext({ viewport: { width: 900, height: 860 } })
      context.setDefaultTimeout(15_000)
      return context.newPage()
    },
    stop: async () => {
      await (await browser)?.close()
    },
  }
}

const PAGES = { chat, 'sign-in': signIn }

/** Serves an example page on an origin of its own and at whatever path, as `bun examples/browser.html` does. */
export function servedPage(name: keyof typeof PAGES = 'chat') {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    reusePort: false,
    development: false,
    routes: { '/*': PAGES[name] },
  })
  return { origin: server.url.origin, stop: () => server.stop(true) }
}

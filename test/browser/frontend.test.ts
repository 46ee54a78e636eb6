import { afterAll, expect } from 'bun:test'
import type { Page } from 'playwright-core'
import { loadSite } from '../../src/features/frontend/site.ts'
import { sharedChromium, withChromium } from '../kit/browser.ts'
import { type Kit, startGateway } from '../kit/gateway.ts'
import { standInProvider } from '../kit/sign-in.ts'
import { builtSpa } from '../kit/spa.ts'
import { standInTee } from '../kit/tee.ts'

const GROUND = 'getComputedStyle(document.body).backgroundColor'

const chromium = sharedChromium()
const kits: Kit[] = []
const started = async (options: Parameters<typeof startGateway>[0]) => {
  const kit = await startGateway(options)
  kits.push(kit)
  return kit
}

afterAll(async () => {
  await chromium.stop()
  for (const kit of kits) await kit.stop()
})

/** A page, and what its console complains of. */
async function watched(): Promise<{ page: Page; complaints: string[] }> {
  const page = await chromium.page()
  const complaints: string[] = []
  page.on('console', message => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('pageerror', error => complaints.push(error.message))
  return { page, complaints }
}

/** Keeps a picture for eyes, where `SCREENSHOTS` names a folder. */
async function pictured(page: Page, name: string): Promise<void> {
  const { SCREENSHOTS } = process.env
  if (SCREENSHOTS) await page.screenshot({ path: `${SCREENSHOTS}/${name}.png` })
}

withChromium('a built application runs under the policy that holds unless told otherwise', async () => {
  const signIn = () => ({ providers: [standInProvider()] })
  const { url } = await started({ upstream: 'http://127.0.0.1:1', frontend: { site: loadSite(builtSpa()) }, signIn })
  const { page, complaints } = await watched()
  const answer = await page.goto(url)
  // Script as a module, a chunk of it, and the API of its own origin.
  expect(await page.locator('h1').textContent()).toBe('Page /')
  expect(await page.locator('p').textContent()).toBe('1 providers')
  expect(await page.evaluate(GROUND)).toBe('rgb(230, 240, 250)')
  expect(await page.evaluate('document.images[0].naturalWidth > 0')).toBe(true)
  expect((await answer?.allHeaders())?.['content-encoding']).toBeOneOf(['br', 'gzip'])

  await page.locator('a').click()
  await page.locator('h1', { hasText: '/chats/42' }).waitFor()
  await page.reload()
  expect(await page.locator('h1').textContent()).toBe('Page /chats/42')
  await pictured(page, 'application')
  expect(complaints).toEqual([])
})

withChromium('no policy of a page’s own lets in what it holds out', async () => {
  const hostile = `<!doctype html><h1>still</h1><script>document.querySelector('h1').textContent = 'ran'</script>
    <img src="http://localhost:1/x.png" onerror="document.querySelector('h1').textContent = 'ran'">`
  const { url } = await started({
    upstream: 'http://127.0.0.1:1',
    frontend: { site: loadSite(builtSpa({ 'page.html': hostile })) },
  })
  const { page, complaints } = await watched()
  await page.goto(`${url}/page.html`)
  expect(await page.locator('h1').textContent()).toBe('still')
  expect(complaints.filter(text => /Content Security Policy/.test(text)).length).toBeGreaterThanOrEqual(2)
  const refused = page.waitForEvent('console', message => /frame-ancestors/.test(message.text()))
  await page.setContent(`<iframe src="${url}/"></iframe>`)
  expect((await refused).type()).toBe('error')
})

withChromium('without one the page that is there has its look, light and dark, and no complaint', async () => {
  const { url } = await started({ upstream: 'http://127.0.0.1:1', tee: standInTee().tee })
  const { page, complaints } = await watched()
  const grounds: unknown[] = []
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    await page.goto(url)
    grounds.push(await page.evaluate(GROUND))
    await pictured(page, `welcome-${colorScheme}`)
  }
  expect(grounds).toEqual(['rgb(246, 247, 249)', 'rgb(18, 21, 27)'])
  expect(complaints).toEqual([])
})

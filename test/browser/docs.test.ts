import { afterAll, beforeAll, expect } from 'bun:test'
import { INFERENCE } from '../../src/protocol/routes.ts'
import { sharedChromium, withChromium } from '../kit/browser.ts'
import { countingUpstream } from '../kit/counting.ts'
import { type Kit, startGateway } from '../kit/gateway.ts'

const chromium = sharedChromium()
const upstream = countingUpstream()
let gateway: Kit

beforeAll(async () => {
  gateway = await startGateway({ upstream: upstream.url })
})

afterAll(async () => {
  await chromium.stop()
  await gateway.stop()
  await upstream.stop()
})

withChromium('the documentation renders every route with the network cut, and asks no other host', async () => {
  const page = await chromium.page()
  const elsewhere: string[] = []
  const complaints: string[] = []
  page.on('console', message => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  await page.route('**/*', route => {
    const { protocol, origin } = new URL(route.request().url())
    if (origin === gateway.url || protocol === 'data:') return route.continue()
    elsewhere.push(route.request().url())
    return route.abort()
  })
  await page.goto(`${gateway.url}/docs`)
  await page.locator('.opblock').first().waitFor()
  const shown = await page.locator('.opblock-summary-path').allInnerTexts()
  // The page breaks long paths with zero-width spaces.
  const paths = new Set(shown.map(text => text.replaceAll('\u200b', '')))
  for (const { path } of INFERENCE) expect(paths).toContain(path)
  expect(elsewhere).toEqual([])
  expect(complaints).toEqual([])
})

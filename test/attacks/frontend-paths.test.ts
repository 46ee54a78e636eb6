import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadSite } from '../../src/features/frontend/site.ts'
import { HOST, hurl, REFUSALS } from '../kit/attack.ts'
import { withLines } from '../kit/data.ts'
import { type Kit, startGateway } from '../kit/gateway.ts'
import { builtSpa, SECRET, textOf } from '../kit/spa.ts'

const AT_ONCE = 16
const dist = builtSpa()
symlinkSync('../secret.txt', join(dist, 'leak.txt'))
symlinkSync('..', join(dist, 'up'))
symlinkSync('/', join(dist, 'root'))
// A name that reads as a way out.
writeFileSync(join(dist, 'a..b.txt'), 'within')

let kit: Kit
beforeAll(async () => {
  kit = await startGateway({ upstream: 'http://127.0.0.1:1', frontend: { site: loadSite(dist) } })
})
afterAll(() => kit.stop())

/** What is told of a target: `refused`, `index`, or the whole answer. */
async function told(target: string): Promise<string> {
  const { statuses, text } = await hurl(kit.url, `GET ${target} HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`)
  const body = text.slice(text.indexOf('\r\n\r\n') + 4)
  if (text.includes(SECRET) || text.includes('root:')) return `LEAK ${text}`
  // What is no HTTP is answered by the server itself, or not at all.
  if (statuses.every(status => REFUSALS.has(status))) return 'refused'
  return statuses.join() === '200' && body === textOf('index.html') ? 'index' : text
}

async function oddAmong(targets: readonly string[]): Promise<readonly string[]> {
  const odd: string[] = []
  const left = targets.values()
  const work = async () => {
    for (const target of left) {
      const answer = await told(target)
      if (answer !== 'refused' && answer !== 'index') odd.push(`${target}: ${answer}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return odd
}

withLines('path', 'no spelling of a path leads out of the folder', async all => {
  const lines = all.filter(line => line !== '').map(line => line.replace(/^\//, ''))
  const ends = ['secret.txt', 'etc/passwd']
  const paths = lines.map((line, at) => line.replace('{FILE}', ends[at % ends.length] ?? ''))
  const targets = paths.flatMap((path, at) => [`/${path}`, `${at % 2 === 0 ? '/assets/' : '/up/'}${path}`])
  expect(targets.length).toBeGreaterThan(1000)
  expect(await oddAmong(targets)).toEqual([])
})

test.each([
  ...[
    '/leak.txt',
    '/up/secret.txt',
    '/up/dist/index.html',
    '/root/etc/passwd',
    '/assets/../../secret.txt',
    '/..',
    '/../',
  ],
  ...[
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/%2e%2e%2fsecret.txt',
    '/..%5csecret.txt',
    '/..\\secret.txt',
    '/..;/secret.txt',
  ],
  ...[
    '/%252e%252e/secret.txt',
    '/%c0%ae%c0%ae/secret.txt',
    '/%u002e%u002e/secret.txt',
    '/favicon.svg%00.html',
    '/favicon.svg\0',
  ],
  ...[
    '/.env',
    '/%2eenv',
    '/assets/.DS_Store',
    '/assets/%2EDS_Store',
    '/.well-known/security.txt',
    '/.',
    '/./.env',
    '/FAVICON.SVG',
  ],
  ...[
    '//etc/passwd',
    '///etc/passwd',
    '/index.html/',
    '/favicon.svg/',
    '/favicon.svg/../.env',
    'file:///etc/passwd',
    '/C:/x.txt',
  ],
  ...[
    '/robots.txt.',
    '/robots.txt%20',
    '/robots.txt::$DATA',
    '/robots.txt~',
    '/assets/',
    '/assets',
    '/__proto__',
    '/constructor',
  ],
])('%j tells nothing but the page', async target => {
  expect(await told(target)).toMatch(/^(?:refused|index)$/)
})

test('a name with dots in it is a name', async () => {
  expect(await (await fetch(`${kit.url}/a..b.txt`)).text()).toBe('within')
})

test('a folder that is put in another’s place is not looked at', async () => {
  renameSync(dist, `${dist}-old`)
  mkdirSync(dist)
  writeFileSync(join(dist, 'robots.txt'), SECRET)
  expect(await (await fetch(`${kit.url}/robots.txt`)).text()).toBe(textOf('robots.txt'))
})

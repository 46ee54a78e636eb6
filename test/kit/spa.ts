import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { freshDirectory } from './directory.ts'

/** What nothing that is served may hold. */
export const SECRET = 'marked-secret-beside-the-front-end'

export const SCRIPT = 'assets/index-BdQq4_xZ.js'
export const STYLE = 'assets/index-DiwrgTda.css'

const INDEX = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="UTF-8" />
    <link rel="icon" type="image/svg+xml" href="/favicon.svg" />
    <title>A small application</title>
    <script type="module" crossorigin src="/${SCRIPT}"></script>
    <link rel="stylesheet" crossorigin href="/${STYLE}">
  </head>
  <body>
    <div id="root"></div>
  </body>
</html>
`

const PROGRAM = `const root = document.querySelector('#root')
const show = async () => {
  const { providers } = await (await fetch('/v1/auth/providers')).json()
  const { name } = await import('./page-C0ffee_1.js')
  root.innerHTML = '<h1></h1><p>' + providers.length + ' providers</p><a href="/chats/42">a chat</a><img alt="" src="/favicon.svg">'
  root.querySelector('h1').textContent = name + ' ' + location.pathname
}
root.addEventListener('click', event => {
  if (event.target.tagName !== 'A') return
  event.preventDefault()
  history.pushState(null, '', event.target.href)
  show()
})
show()
// ${'-'.repeat(2000)}
`

const LOOK = `@font-face { font-family: Small; src: url(/assets/small-Ab12Cd34.woff2); }
body { margin: 3rem; font-family: Small, sans-serif; background: rgb(230, 240, 250); }
img { width: 64px; }
`

const FILES: Readonly<Record<string, string>> = {
  'index.html': INDEX,
  [SCRIPT]: PROGRAM,
  'assets/page-C0ffee_1.js': "export const name = 'Page'\n",
  [STYLE]: LOOK,
  'assets/small-Ab12Cd34.woff2': 'wOF2 of a kind',
  'assets/empty.txt': '',
  'favicon.svg': '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><circle cx=".5" cy=".5" r=".5"/></svg>\n',
  'robots.txt': 'User-agent: *\n',
  'a b/ü.txt': 'odd, and allowed\n',
  '.env': SECRET,
  '.well-known/security.txt': SECRET,
  'assets/.DS_Store': SECRET,
}

/** A single-page application as Vite builds it, in a fresh folder `dist` with a secret beside it, and more files if given. */
export function builtSpa(more: Readonly<Record<string, string>> = {}): string {
  const dist = join(freshDirectory(), 'dist')
  const put = (path: string, content: string | Uint8Array) => {
    mkdirSync(dirname(join(dist, path)), { recursive: true })
    writeFileSync(join(dist, path), content)
  }
  for (const [path, content] of Object.entries({ ...FILES, ...more })) put(path, content)
  for (const path of ['index.html', SCRIPT]) {
    put(`${path}.br`, brotliCompressSync(FILES[path] ?? ''))
    put(`${path}.gz`, gzipSync(FILES[path] ?? ''))
  }
  put(`${STYLE}.gz`, gzipSync(LOOK))
  put('../secret.txt', SECRET)
  return dist
}

/** The text of one of its files. */
export const textOf = (path: string): string => FILES[path] ?? ''

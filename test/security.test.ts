import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dir, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const text = read('SECURITY.md')
const [, , ...rows] = text.match(/^\|.*\|$/gm) ?? []
const lastCells = rows.map(row => row.split(' | ').at(-1)?.replace(/ \|$/, '') ?? '')

test('each claim of the threat model names a test that shows it, or says that there is none', () => {
  expect(rows.length).toBeGreaterThan(30)
  expect(lastCells.filter(cell => !/^(\[.+\]\(.+\) “.+”(; |$))+|^no test\b/.test(cell))).toEqual([])
})

test('each test that it names is there, and tells that story', () => {
  const named = [...text.matchAll(/\[([^\]]+)\]\((test\/[^)]+)\) “([^”]+)”/g)]
  expect(named.length).toBeGreaterThan(50)
  const lost = named.filter(([, name, path = '', story = '']) => {
    if (path !== `test/${name}.test.ts` || !existsSync(join(root, path))) return true
    const source = read(path)
    return !["'", '"', '`'].some(quote => source.includes(`${quote}${story}${quote}`))
  })
  expect(lost.map(([words]) => words)).toEqual([])
})

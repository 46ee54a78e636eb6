import { expect, test } from 'bun:test'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const src = join(import.meta.dir, '..', 'src')
const map = readFileSync(join(src, 'README.md'), 'utf8')

test('the map names every room on the ground plan, and no other', () => {
  const rooms = readdirSync(src)
    .filter(name => name !== 'README.md')
    .map(name => (statSync(join(src, name)).isDirectory() ? `${name}/` : name))
  const plan = map.slice(map.indexOf('```'), map.lastIndexOf('```', map.indexOf('## One request')))
  const named = plan.match(/\b[\w]+(?:\.ts|\/)(?= )/g) ?? []
  expect([...new Set(named)].sort()).toEqual([...rooms, 'reference.ts'].sort())
})

test('every file the map points at is there', () => {
  const pointed = map.match(/`[a-z]+\/[a-z-]+(?:\.ts)?`/g) ?? []
  const files = pointed.map(name => name.replaceAll('`', '').replace(/(\.ts)?$/, '.ts'))
  expect(files.length).toBeGreaterThan(10)
  for (const file of files) expect(readdirSync(join(src, file, '..'))).toContain(file.split('/')[1] ?? '')
})

test('half of the files have fewer than a hundred lines', () => {
  const lines = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .map(name => readFileSync(join(src, name), 'utf8').split('\n').length)
    .sort((a, b) => a - b)
  expect(lines[Math.floor(lines.length / 2)]).toBeLessThan(100)
})

test('the gateway imports what it ships with, and nothing made for tests: some of that is under other terms', () => {
  const { dependencies } = JSON.parse(readFileSync(join(src, '..', 'package.json'), 'utf8'))
  const imported = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .flatMap(name => [...readFileSync(join(src, name), 'utf8').matchAll(/(?:from|import|import\() ?['"`]([^'"`]+)/g)])
    .map(([, path]) => path?.match(/^(?:@[^/]+\/)?[^/]+/)?.[0] ?? '')
    .filter(name => !/^(?:\.|node:|bun(?:$|:))/.test(name))
  expect(imported).toContain('elysia')
  expect([...new Set(imported)].filter(name => !(name in dependencies))).toEqual([])
})

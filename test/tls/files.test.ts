import { expect, test } from 'bun:test'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pairInFiles } from '../../src/tls/files.ts'
import { clockAt } from '../kit/clock.ts'
import { freshDirectory } from '../kit/directory.ts'
import { madePair } from '../kit/tls.ts'

/** Files as Kubernetes mounts them: links through a directory that is swapped as a whole. */
function mounted(pair = madePair()) {
  const directory = freshDirectory()
  const at = (...names: string[]) => join(directory, ...names)
  let turn = 0
  const put = ({ chain, key }: { chain: string; key: string }) => {
    const next = `turn-${++turn}`
    mkdirSync(at(next))
    writeFileSync(at(next, 'tls.crt'), chain)
    writeFileSync(at(next, 'tls.key'), key)
    symlinkSync(next, at('..next'))
    renameSync(at('..next'), at('..data'))
  }
  put(pair)
  for (const name of ['tls.crt', 'tls.key']) symlinkSync(join('..data', name), at(name))
  return { cert: at('tls.crt'), key: at('tls.key'), pair, put }
}

test('a pair in files is due again when the directory behind them is swapped', async () => {
  const { put, pair, ...paths } = mounted()
  const source = pairInFiles(paths, Date.now)
  const first = await source.load()
  expect(first).toMatchObject(pair)
  expect(source.isDue(first)).toBe(false)
  const next = madePair()
  put(next)
  expect(source.isDue(first)).toBe(true)
  const second = await source.load()
  expect(second).toMatchObject(next)
  expect(source.isDue(second)).toBe(false)
})

test('a pair of which one file is written is due again, until it is read whole', async () => {
  const { put: _, pair, ...paths } = mounted()
  const source = pairInFiles(paths, Date.now)
  const first = await source.load()
  const next = madePair()
  writeFileSync(paths.cert, next.chain)
  expect(source.isDue(first)).toBe(true)
  await expect(source.load()).rejects.toMatchObject({ code: 'mismatch' })
  writeFileSync(paths.key, next.key.slice(0, 60))
  await expect(source.load()).rejects.toMatchObject({ code: 'malformed' })
  writeFileSync(paths.key, next.key)
  expect(await source.load()).toMatchObject(next)
})

test('a file that is gone is named by its setting, and by nothing else', async () => {
  const { cert, key } = mounted()
  const source = pairInFiles({ cert, key }, Date.now)
  const first = await source.load()
  rmSync(key)
  expect(source.isDue(first)).toBe(true)
  await expect(source.load()).rejects.toMatchObject({
    code: 'unreadable',
    message: 'TLS_KEY_FILE names a file that cannot be read (ENOENT): name one that the gateway may read.',
  })
})

test('a pair that expires while nobody replaces it is due, and its fault says so', async () => {
  const clock = clockAt(Date.now())
  const { put: _, pair, ...paths } = mounted()
  const source = pairInFiles(paths, clock.now)
  const first = await source.load()
  clock.pass(first.to - clock.now())
  expect(source.isDue(first)).toBe(true)
  await expect(source.load()).rejects.toMatchObject({ code: 'expired' })
})

import { afterAll, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { version } from '../../src/cli/version.ts'
import { freshDirectory } from '../kit/directory.ts'

const home = freshDirectory()
afterAll(() => rmSync(home, { recursive: true }))
const file = join(home, 'program')
writeFileSync(file, 'program')
const digest = createHash('sha256').update('program').digest('hex')
const unheard = () => undefined

test('a program is told with its commit, its executable and what it runs on', async () => {
  const { version: own, ...told } = JSON.parse(await version({ file, json: true, say: unheard }))
  expect(own).toMatch(/^\d+\.\d+\.\d+$/)
  expect(told).toEqual({
    commit: 'unknown',
    executable_sha256: digest,
    bun: { version: Bun.version, revision: Bun.revision },
    platform: `${process.platform}-${process.arch}`,
  })
  expect(await version({ file, json: false, say: unheard })).toContain(`\nexecutable  sha256:${digest}\n`)
})

test('one that runs from its source has no executable', async () => {
  expect(JSON.parse(await version({ file: undefined, json: true, say: unheard }))).not.toHaveProperty(
    'executable_sha256',
  )
  expect(await version({ file: undefined, json: false, say: unheard })).toContain('none: this runs from its source')
})

test('one that cannot be read is told without its digest, and that is said', async () => {
  const said: string[] = []
  const told = await version({ file: join(home, 'nowhere'), json: true, say: line => said.push(line) })
  expect(JSON.parse(told)).not.toHaveProperty('executable_sha256')
  expect(said.join()).toMatch(/nowhere cannot be read \(.*ENOENT.*\): its SHA-256 is not told$/)
})

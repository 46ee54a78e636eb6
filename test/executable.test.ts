import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf, EXECUTABLE } from '../src/executable.ts'
import { COMMIT, executable, type Running, start, startDev } from './kit/binary.ts'
import { freshDirectory } from './kit/directory.ts'
import { MANIFEST } from './kit/release.ts'

const home = freshDirectory()
afterAll(() => rmSync(home, { recursive: true }))
const ANY_NAME = { tls: { rejectUnauthorized: false } }
const secure = (url: string) => url.replace('http:', 'https:')
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('the digest of a file', () => {
  test('is its SHA-256, and others have their turns while it is read', async () => {
    const path = join(home, 'large')
    const bytes = Buffer.alloc(8_000_003, 7)
    writeFileSync(path, bytes)
    let turns = 0
    const counting = setInterval(() => turns++, 0)
    expect(await digestOf(path)()).toBe(sha256(bytes))
    clearInterval(counting)
    expect(turns).toBeGreaterThan(5)
  })

  test('is read once, however many ask', async () => {
    const path = join(home, 'once')
    writeFileSync(path, 'before')
    const digest = digestOf(path)
    const [first, second] = [digest(), digest()]
    expect(second).toBe(first)
    await first
    writeFileSync(path, 'after')
    expect(await digest()).toBe(sha256('before'))
  })

  test('that could not be read is read when it is asked for again', async () => {
    const path = join(home, 'late')
    const digest = digestOf(path)
    const both = await Promise.allSettled([digest(), digest()])
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    writeFileSync(path, 'there')
    expect(await digest()).toBe(sha256('there'))
  })
})

describe('the compiled program', () => {
  let sealgate: string
  const alive: Running[] = []
  beforeAll(async () => {
    sealgate = await executable()
  })
  afterAll(async () => {
    for (const running of alive) running.signal('SIGKILL')
    await Promise.all(alive.map(running => running.exited))
  })

  test('tells its commit, and the SHA-256 of the very file that was started', async () => {
    const running = start(sealgate, { cwd: home, args: ['version', '--json'] })
    expect(await running.exited).toBe(0)
    const told = { commit: COMMIT, executable_sha256: sha256(readFileSync(sealgate)), platform: 'linux-x64' }
    expect(JSON.parse(running.output())).toMatchObject(told)
  })

  test('is verified against the manifest of its release, and refuted against another', async () => {
    const gateway = await startDev(sealgate, { cwd: home, args: ['--tls', 'dstack'] })
    alive.push(gateway)
    const { version } = JSON.parse(await (await fetch(`${secure(gateway.url)}/health`, ANY_NAME)).text())
    const held = async (digest: string) => {
      const binaries = [{ name: 'sealgate-linux-x64', sha256: digest, bytes: 1, is_run: true }]
      writeFileSync(join(home, 'manifest.json'), JSON.stringify({ ...MANIFEST, version, commit: COMMIT, binaries }))
      const args = ['verify', '--manifest', 'manifest.json', secure(gateway.url)]
      const running = start(sealgate, { cwd: home, args })
      return { exit: await running.exited, text: running.output() }
    }
    const same = await held(sha256(readFileSync(sealgate)))
    expect(same.exit).toBe(3)
    for (const name of ['release', 'executable']) expect(same.text).toMatch(new RegExp(`^  pass +${name} `, 'm'))
    for (const name of ['image', 'environment', 'compose template'])
      expect(same.text).toMatch(new RegExp(`^  not checked +${name} +simulated: `, 'm'))
    const other = await held('00'.repeat(32))
    expect(other.exit).toBe(1)
    expect(other.text).toMatch(/^ {2}FAIL +executable +none of the release's binaries: /m)
  })

  test('states both in its reports', async () => {
    const gateway = await startDev(sealgate, { cwd: home })
    alive.push(gateway)
    const { gateway_attestation: own } = JSON.parse(await (await fetch(`${gateway.url}/v1/attestation/report`)).text())
    expect(JSON.parse(own.statement)).toMatchObject({
      commit: COMMIT,
      executable_sha256: sha256(readFileSync(sealgate)),
    })
  })
})

test('a program that runs from its source has no executable of its own', () => {
  expect(EXECUTABLE).toBeUndefined()
})

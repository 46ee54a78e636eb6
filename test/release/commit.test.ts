import { afterAll, expect, test } from 'bun:test'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freshDirectory } from '../kit/directory.ts'

const script = join(import.meta.dir, '../../release/commit.sh')
const directory = freshDirectory()
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const { PATH = '' } = process.env
/** Nothing of who runs the tests, and no repository that the directory may stand in. */
const env = { PATH, GIT_CEILING_DIRECTORIES: join(directory, '..'), GIT_CONFIG_GLOBAL: '/dev/null' }

function run(command: string[], more: Record<string, string> = {}): string {
  return Bun.spawnSync(command, { cwd: directory, env: { ...env, ...more } })
    .stdout.toString()
    .trim()
}

test('a build is of a commit, unless something was changed since', () => {
  const commit = (more?: Record<string, string>) => run(['sh', script], more)
  expect(commit()).toBe('unknown')
  expect(commit({ SEALGATE_COMMIT: 'c0ffee' })).toBe('c0ffee')
  writeFileSync(join(directory, 'a'), '1')
  run(['git', 'init', '-q'])
  run(['git', 'add', 'a'])
  run(['git', '-c', 'user.name=Test', '-c', 'user.email=test@example.com', 'commit', '-q', '-m', 'a'])
  expect(commit()).toMatch(/^[\da-f]{40}$/)
  expect(commit({ SEALGATE_COMMIT: 'c0ffee' })).toBe(run(['git', 'rev-parse', 'HEAD']))
  writeFileSync(join(directory, 'a'), '2')
  expect(commit({ SEALGATE_COMMIT: 'c0ffee' })).toBe('unknown')
  run(['git', 'checkout', '-q', '--', '.'])
  // What git is told not to show is a change all the same.
  run(['git', 'config', 'status.showUntrackedFiles', 'no'])
  writeFileSync(join(directory, 'b'), '1')
  expect(commit()).toBe('unknown')
  // Another's repository, in which this lies unseen, says nothing of it.
  mkdirSync(join(directory, 'inside'))
  writeFileSync(join(directory, '.git/info/exclude'), 'b\ninside\n')
  expect(commit()).toMatch(/^[\da-f]{40}$/)
  expect(run(['sh', '-c', 'cd inside && sh "$0"', script])).toBe('unknown')
})

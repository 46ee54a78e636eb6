import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { environment } from '../../release/environment.ts'
import type { Expected } from '../../src/verify/gateway.ts'
import { releaseChecks } from '../../src/verify/release.ts'
import { failuresOf, judged } from '../kit/judging.ts'
import { BOOT, own } from '../kit/quoting.ts'
import { applied, COMPOSED, IMAGE, RELEASE } from '../kit/release.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const STATED = { version: '1.2.3', commit: 'c0'.repeat(20), executable_sha256: 'e0'.repeat(32) }

interface Case {
  stated?: object
  app?: string
  expected?: Partial<Expected>
}

/** What came of each check, and why. */
function looked({ stated = STATED, app = applied(COMPOSED), expected }: Case, simulated = false) {
  const part = { statement: JSON.stringify(stated), app_compose: app }
  const checks = releaseChecks(part, { release: RELEASE, ...expected }, simulated)
  return Object.fromEntries(checks.map(({ name, outcome, why }) => [name, { outcome, why }]))
}

const ALL = ['release', 'executable', 'image', 'environment', 'compose template']
const otherwise = (story: Case) =>
  Object.entries(looked(story)).flatMap(([name, { outcome, why }]) =>
    outcome === 'pass' ? [] : [{ name, outcome, why }],
  )

test('a gateway of the release, started by its template, passes', () => {
  expect(otherwise({})).toEqual([])
  expect(Object.keys(looked({}))).toEqual(ALL)
})

test('and so does one that was started by the compose file that is released', () => {
  const template = readFileSync(join(import.meta.dir, '../../examples/compose.dstack.yaml'), 'utf8')
  const file = template.replace(/^ {4}image: .*/m, `    image: ghcr.example/sealgate@${IMAGE}`)
  const open = [...template.matchAll(/[$][{]([A-Z_]+):-/g)].map(([, name = '']) => name)
  const app = applied(file, { allowed_envs: open })
  const compose = sha256(template)
  expect(otherwise({ app, expected: { release: { ...RELEASE, compose, environment } } })).toEqual([])
})

test('without a manifest nothing is compared', () => {
  expect(releaseChecks({}, {}, false)).toEqual([])
})

describe('refuted is', () => {
  test.each<[string, Case, string, string]>([
    ['another version', { stated: { ...STATED, version: '1.2.4' } }, 'release', 'it is version 1.2.4, commit c0'],
    ['another commit', { stated: { ...STATED, commit: 'c1'.repeat(20) } }, 'release', 'the release is 1.2.3, c0'],
    ['no commit', { stated: { ...STATED, commit: 'unknown' } }, 'release', 'it was built from no commit'],
    [
      'a release of no commit',
      { stated: { ...STATED, commit: 'unknown' }, expected: { release: { ...RELEASE, commit: 'unknown' } } },
      ...(['release', 'was built from no commit'] as const),
    ],
    ['another executable', { stated: { ...STATED, executable_sha256: 'ee'.repeat(32) } }, 'executable', 'none of the'],
    ['a script of the machine', { app: applied(COMPOSED, { pre_launch_script: 'sh' }) }, 'image', 'pre_launch_script'],
    ['a start by a script', { app: applied(COMPOSED, { runner: 'bash' }) }, 'image', 'but by bash'],
    [
      'a variable that is open',
      { app: applied(COMPOSED, { allowed_envs: ['ISSUER', 'BUN_OPTIONS'] }) },
      ...(['environment', 'does not name: BUN_OPTIONS'] as const),
    ],
    ['a list that is none', { app: applied(COMPOSED, { allowed_envs: 'ISSUER' }) }, 'environment', 'no list'],
  ])('%s', (_, story, name, why) => {
    expect(otherwise(story)).toEqual([{ name, outcome: 'fail', why: expect.stringContaining(why) }])
  })

  test('an application that says something twice', () => {
    const app = applied(COMPOSED).replace('{', `{"docker_compose_file":"services: {}",`)
    expect(otherwise({ app }).map(({ name, outcome }) => [name, outcome])).toEqual(
      ['image', 'environment', 'compose template'].map(name => [name, 'fail']),
    )
  })

  test('the template with another image', () => {
    const app = applied(COMPOSED.replace(IMAGE, `sha256:${'2b'.repeat(32)}`))
    expect(otherwise({ app })).toMatchObject([{ name: 'image', outcome: 'fail' }])
  })
})

describe('told to be for its reader is', () => {
  const untold = (story: Case) => otherwise(story).map(({ name, outcome }) => `${name}: ${outcome}`)
  const withOther = COMPOSED.replace('\nvolumes:', '  other:\n    image: evil\nvolumes:')

  test.each<[string, string, string[]]>([
    ['another limit', COMPOSED.replace('restart: unless-stopped', 'mem_limit: 1g'), ['compose template: not checked']],
    ['a comment', COMPOSED.replace('# The', '# A'), ['compose template: not checked']],
    ['another service', withOther, ['image: not checked', 'compose template: not checked']],
    ['odd writing', `${COMPOSED}x: &a b\n`, ['image: not checked', 'compose template: not checked']],
  ])('%s in the compose file, unless that very file is expected', (what, file, checks) => {
    const app = applied(file)
    expect(untold({ app })).toEqual(checks)
    const still = what === 'odd writing' ? ['image: not checked'] : []
    expect(untold({ app, expected: { composeHash: sha256(app) } })).toEqual(still)
    expect(untold({ app, expected: { composeHash: sha256('') } })).toEqual(checks)
  })

  test('a member of the application that dstack may come to know', () => {
    const app = applied(COMPOSED, { verity_volumes: ['x'] })
    expect(untold({ app })).toEqual(['image: not checked'])
    expect(untold({ app, expected: { composeHash: sha256(app) } })).toEqual([])
  })

  test('a script of the machine, if that very application is expected', () => {
    const app = applied(COMPOSED, { pre_launch_script: 'sh' })
    const expected = { composeHash: sha256(app) }
    expect(untold({ app, expected })).toEqual([])
    expect(looked({ app, expected })['image']?.why).toEndWith('besides, as you expect: pre_launch_script')
  })

  test('a release without an image', () => {
    expect(untold({ expected: { release: { ...RELEASE, image: undefined } } })).toEqual(['image: not checked'])
  })

  test('an executable that is not stated', () => {
    expect(untold({ stated: { ...STATED, executable_sha256: undefined } })).toEqual(['executable: not checked'])
  })
})

test('expected or not, a compose file with another command is refuted', () => {
  const app = applied(COMPOSED.replace('restart: unless-stopped', 'command: [x]'))
  expect(otherwise({ app, expected: { composeHash: sha256(app) } })).toMatchObject([{ name: 'image', outcome: 'fail' }])
})

test('of a simulated report, what it states is judged, and nothing was started', () => {
  const outcomes = (stated: object) => Object.values(looked({ stated, app: '' }, true)).map(({ outcome }) => outcome)
  const nothing = ['not checked', 'not checked', 'not checked'] as const
  expect(outcomes(STATED)).toEqual(['pass', 'pass', ...nothing])
  expect(outcomes({ ...STATED, version: '0', executable_sha256: '' })).toEqual(['fail', 'fail', ...nothing])
})

describe('a whole report', () => {
  const app = applied(COMPOSED)
  const events = [BOOT[0]!, own('compose-hash', sha256(app)), ...BOOT.slice(2)]
  const report = {
    ...{ events, statement: STATED, members: { app_compose: app } },
    body: { mrConfigId: `01${sha256(app)}` },
  }

  test('of the release is proved, and of another refuted', async () => {
    expect(await failuresOf({ report, given: { expected: { release: RELEASE } } })).toEqual({ exit: 0, failed: [] })
    const other = { ...RELEASE, binaries: ['00'.repeat(32)] }
    expect(await failuresOf({ report, given: { expected: { release: other } } })).toEqual({
      exit: 1,
      failed: ['executable'],
    })
  })

  test('of a release without an image cannot be told', async () => {
    const { exit } = await judged({ report, given: { expected: { release: { ...RELEASE, image: undefined } } } })
    expect(exit).toBe(2)
  })
})

import { describe, expect, test } from 'bun:test'
import { readManifest } from '../../src/verify/manifest.ts'
import { MANIFEST, RELEASE } from '../kit/release.ts'

test('a release is read from its manifest, also where another member came to it', () => {
  expect(readManifest({ ...MANIFEST, later: {} })).toEqual(RELEASE)
})

test('a release may be of no commit, and have no image', () => {
  expect(readManifest({ ...MANIFEST, commit: 'unknown', image: null })).toMatchObject({
    commit: 'unknown',
    image: undefined,
  })
})

const [binary] = MANIFEST.binaries
describe('no manifest is', () => {
  test.each<[string, unknown, string]>([
    ['a list', [], 'it is no JSON object'],
    ['one of another format', { ...MANIFEST, format: 'sealgate.release.v2' }, 'its format is not sealgate.release.v1'],
    ['one without a version', { ...MANIFEST, version: undefined }, 'version is not what it is in a release'],
    ['one with half a commit', { ...MANIFEST, commit: 'c0ffee' }, 'commit is not what it is in a release'],
    ['one with letters of another size', { ...MANIFEST, binaries: [{ ...binary, sha256: 'E0'.repeat(32) }] }, 'sha256'],
    ['one without binaries', { ...MANIFEST, binaries: [] }, 'binaries is no list of any'],
    ['one that does not speak of an image', { ...MANIFEST, image: undefined }, 'whether there is an image'],
    ['one with a tag for a digest', { ...MANIFEST, image: { digest: 'v1' } }, 'digest is not what it is'],
    ['one without a template', { ...MANIFEST, compose: undefined }, 'compose is no JSON object'],
    ['one without names', { ...MANIFEST, environment: undefined }, 'environment is no list'],
    ['one with what is no name', { ...MANIFEST, environment: ['ISSUER', 1] }, '1 is not what it is in a release'],
    ['one without a lockfile', { ...MANIFEST, lockfile_sha256: '' }, 'lockfile_sha256 is not what it is'],
    ['one without its runtime', { ...MANIFEST, bun: { sha256: { 'linux-x64': 1 } } }, 'linux-x64 is not what it is'],
  ])('%s', (_, told, why) => {
    expect(() => readManifest(told)).toThrow(why)
  })
})

import { expect, test } from 'bun:test'
import { manifest } from '../../release/manifest.ts'
import { released } from '../kit/released.ts'

test('the manifest says what was measured, and which executable nobody ran', () => {
  const { binaries, bun, compose, environment, lockfile } = released
  const made = manifest(released)
  expect(made).toEqual({
    format: 'sealgate.release.v1',
    version: '1.2.3',
    commit: 'c0'.repeat(20),
    bun: { ...bun, sha256: { 'linux-x64': 'b6'.repeat(32), 'linux-arm64': 'ba'.repeat(32) } },
    lockfile_sha256: lockfile,
    binaries: [
      { name: 'sealgate-linux-x64', sha256: binaries[0]?.sha256 ?? '', bytes: 64, is_run: true },
      { name: 'sealgate-linux-arm64', sha256: binaries[1]?.sha256 ?? '', bytes: 65, is_run: false },
    ],
    image: null,
    compose,
    environment,
  })
})

test('an image is named by its digest, with the C library that is in it', () => {
  const image = { digest: `sha256:${'01'.repeat(32)}`, libc6: { version: '2.41-1', sha256: '02'.repeat(32) } }
  expect(manifest({ ...released, image }).image).toEqual({ ...image, platform: 'linux/amd64' })
})

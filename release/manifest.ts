import type { Binary } from './binary.ts'
import type { Platform } from './compile.ts'
import type { Measured } from './digest.ts'
import type { Image } from './image.ts'

/** What a release is made of, and from. */
export interface Release {
  readonly version: string
  /** `unknown` where the tree had changes. */
  readonly commit: string
  readonly bun: { readonly version: string; readonly revision: string }
  /** SHA-256 of `bun.lock`. */
  readonly lockfile: string
  readonly binaries: readonly Binary[]
  readonly image: Image | null
  readonly compose: Measured
  readonly environment: readonly string[]
}

/** What the tests run; the others are built, and that is all. */
export const RUN: Platform = 'linux-x64'

/** The measurement manifest, `sealgate.release.v1`: what a report is held against. */
export function manifest({ version, commit, bun, lockfile, binaries, image, compose, environment }: Release) {
  return {
    format: 'sealgate.release.v1',
    version,
    commit,
    bun: { ...bun, sha256: Object.fromEntries(binaries.map(({ platform, runtime }) => [platform, runtime])) },
    lockfile_sha256: lockfile,
    binaries: binaries.map(({ name, sha256, bytes, platform }) => ({ name, sha256, bytes, is_run: platform === RUN })),
    image: image && { digest: image.digest, platform: 'linux/amd64', libc6: image.libc6 },
    compose,
    environment,
  }
}

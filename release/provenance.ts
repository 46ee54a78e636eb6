import type { Measured } from './digest.ts'
import type { Release } from './manifest.ts'

/** What the files came from: an in-toto Statement v1 with SLSA provenance v1. It is unsigned, and says so. */
export function provenance({ version, commit, bun, lockfile, binaries }: Release, files: readonly Measured[]) {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: files.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'urn:sealgate:release:v1',
        externalParameters: { command: 'bun run release', commit, version },
        internalParameters: {
          note: 'Unsigned as it was made: without a signature beside it, nobody vouches for it, nor for where it was made.',
        },
        resolvedDependencies: [
          ...(commit === 'unknown' ? [] : [{ name: 'sealgate', digest: { gitCommit: commit } }]),
          { name: 'bun.lock', digest: { sha256: lockfile } },
          ...binaries.map(({ platform, runtime }) => ({
            name: `bun-${platform}`,
            uri: `pkg:github/oven-sh/bun@bun-v${bun.version}`,
            digest: { sha256: runtime },
          })),
        ],
      },
      runDetails: { builder: { id: 'urn:sealgate:builder:unsigned', version: { bun: bun.version } } },
    },
  }
}

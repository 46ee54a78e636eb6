import type { Release } from '../../release/manifest.ts'

/** A release of which nothing was built. */
export const released: Release = {
  version: '1.2.3',
  commit: 'c0'.repeat(20),
  bun: { version: '1.4.5', revision: 'b0'.repeat(20) },
  lockfile: '10'.repeat(32),
  binaries: [
    { name: 'sealgate-linux-x64', platform: 'linux-x64', sha256: '64'.repeat(32), bytes: 64, runtime: 'b6'.repeat(32) },
    {
      name: 'sealgate-linux-arm64',
      platform: 'linux-arm64',
      sha256: 'a6'.repeat(32),
      bytes: 65,
      runtime: 'ba'.repeat(32),
    },
  ],
  image: null,
  compose: { name: 'compose.dstack.yaml', sha256: 'c5'.repeat(32) },
  environment: ['HOST', 'PORT'],
}

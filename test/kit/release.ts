import { createHash } from 'node:crypto'
import type { Manifest } from '../../src/verify/manifest.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

export const IMAGE = `sha256:${'1a'.repeat(32)}`
const SET_TO_NOTHING = ['BUN_OPTIONS', 'BUN_BE_BUN', 'LD_PRELOAD', 'LD_AUDIT', 'LD_LIBRARY_PATH', 'NODE_OPTIONS']

/** A compose file of the form that a release has. */
const TEMPLATE = `# The gateway alone.
services:
  sealgate:
    # Your repository, and the digest of the release.
    image: registry.example/sealgate@sha256:${'0'.repeat(64)}
    restart: unless-stopped
    environment:
${SET_TO_NOTHING.map(name => `      ${name}: ""\n`).join('')}      TEE: dstack
      ISSUER: \${ISSUER:-}
      TINFOIL_API_KEY: \${TINFOIL_API_KEY:-}
    ports: ["5381:5381"]
    volumes:
      - sealgate:/data
      - type: bind
        source: /var/run/dstack
        target: /var/run/dstack
        read_only: true
        bind:
          create_host_path: false
    healthcheck:
      test: [CMD, /usr/local/bin/sealgate, healthcheck]
      interval: 30s
    user: "65532:65532"
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]

volumes:
  sealgate: {}
`

/** That file, as an operator has put an image into it. */
export const COMPOSED = TEMPLATE.replace(/image: .*/, `image: ghcr.example:5000/team/sealgate@${IMAGE}`)

/** What a release's `manifest.json` says, as it is written. */
export const MANIFEST = {
  format: 'sealgate.release.v1',
  version: '1.2.3',
  commit: 'c0'.repeat(20),
  bun: { version: '1.4.5', revision: 'a7', sha256: { 'linux-x64': 'b0'.repeat(32), 'linux-arm64': 'b1'.repeat(32) } },
  lockfile_sha256: '10'.repeat(32),
  binaries: [
    { name: 'sealgate-linux-x64', sha256: 'e0'.repeat(32), bytes: 1, is_run: true },
    { name: 'sealgate-linux-arm64', sha256: 'e1'.repeat(32), bytes: 1, is_run: false },
  ],
  image: { digest: IMAGE, platform: 'linux/amd64', libc6: { version: '2', sha256: '1b'.repeat(32) } },
  compose: { name: 'compose.dstack.yaml', sha256: sha256(TEMPLATE) },
  environment: ['ISSUER', 'TEE', 'TINFOIL_API_KEY'],
}

/** The same, read. */
export const RELEASE: Manifest = {
  version: MANIFEST.version,
  commit: MANIFEST.commit,
  binaries: MANIFEST.binaries.map(binary => binary.sha256),
  image: IMAGE,
  compose: MANIFEST.compose.sha256,
  environment: MANIFEST.environment,
}

/** An `app-compose.json` with a compose file. */
export const applied = (file: string, members: object = {}) =>
  JSON.stringify({
    ...{ manifest_version: 2, name: 'gateway', runner: 'docker-compose', docker_compose_file: file },
    ...{ key_provider_id: '', allowed_envs: ['ISSUER', 'TINFOIL_API_KEY'], public_logs: false, ...members },
  })

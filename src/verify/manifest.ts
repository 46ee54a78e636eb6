import { sure } from './check.ts'
import { type Members, objectOf } from './members.ts'

/** What a release says of itself, as far as a gateway can be held against it. */
export interface Manifest {
  readonly version: string
  /** 40 hex digits; `unknown` where the tree had changes. */
  readonly commit: string
  /** SHA-256 of each, in hex. */
  readonly binaries: readonly string[]
  /** `sha256:…`; absent where the release has no image. */
  readonly image: string | undefined
  /** SHA-256 of the compose file's template, in hex. */
  readonly compose: string
  /** The names of the environment that may be set at a start. */
  readonly environment: readonly string[]
}

const FORMAT = 'sealgate.release.v1'
const SHA256 = /^[\da-f]{64}$/

/**
 * Reads a release's `manifest.json`; members that are not known are left alone, for a member with another meaning comes
 * with another format. @throws Wrong where it is none
 */
export function readManifest(told: unknown): Manifest {
  const whole = objectOf(told, 'it')
  sure(whole['format'] === FORMAT, `its format is not ${FORMAT}`)
  const { binaries, environment, image } = whole
  text(whole, 'lockfile_sha256', SHA256)
  const runtimes = objectOf(objectOf(whole['bun'], 'bun')['sha256'], 'bun.sha256')
  for (const platform of Object.keys(runtimes)) text(runtimes, platform, SHA256)
  sure(Array.isArray(binaries) && binaries.length > 0, 'binaries is no list of any')
  sure(Array.isArray(environment), 'environment is no list')
  sure(image !== undefined, 'it does not say whether there is an image')
  return {
    version: text(whole, 'version', /^\d+\.\d+\.\d+[\w.+-]*$/),
    commit: text(whole, 'commit', /^(?:[\da-f]{40}|unknown)$/),
    binaries: binaries.map(binary => text(objectOf(binary, 'a binary'), 'sha256', SHA256)),
    image: image === null ? undefined : text(objectOf(image, 'image'), 'digest', /^sha256:[\da-f]{64}$/),
    compose: text(objectOf(whole['compose'], 'compose'), 'sha256', SHA256),
    environment: environment.map((_, at) => text(Object(environment), String(at), /^[A-Z_][A-Z\d_]*$/)),
  }
}

function text(members: Members, name: string, shape: RegExp): string {
  const { [name]: value } = members
  sure(typeof value === 'string' && shape.test(value), `${name} is not what it is in a release`)
  return value
}

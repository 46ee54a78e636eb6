import { createHash } from 'node:crypto'
import { type Check, check, sure, Untold } from './check.ts'
import { judgeService, servicesOf } from './compose.ts'
import type { Expected } from './gateway.ts'
import type { Manifest } from './manifest.ts'
import { type Members, objectOf, textOf } from './members.ts'
import { keysIn, plainYaml } from './plain-yaml.ts'

/** The checks about what was started, of which a simulated report has nothing to tell. */
export const RUN_CHECKS = ['image', 'environment', 'compose template'] as const

// dstack takes no more, and this much is read in a second whatever is in it.
const MOST_LENGTH = 262_144

/** An `app-compose.json`, and whether the one who verifies expects that very text. */
interface Application {
  readonly members: Members
  readonly file: string
  readonly isExpected: boolean
}

/** Whether the gateway's own part of a report is about a release's program, started as the release says. */
export function releaseChecks(part: Members, expected: Expected, simulated: boolean): readonly Check[] {
  const { release, composeHash } = expected
  if (!release) return []
  const statement = () => objectOf(textOf(part, 'statement'), 'the statement')
  const application = () => applicationIn(textOf(part, 'app_compose'), composeHash)
  const looks: Record<(typeof RUN_CHECKS)[number], () => string> = {
    image: () => judgeImage(application(), release),
    environment: () => judgeEnvironment(application(), release),
    'compose template': () => judgeTemplate(application(), release),
  }
  return [
    check('release', () => judgeRelease(statement(), release)),
    check('executable', () => {
      const { executable_sha256: stated } = statement()
      if (typeof stated !== 'string')
        throw new Untold('it states none: it runs from its source, or cannot read its own')
      sure(release.binaries.includes(stated), `none of the release's binaries: ${stated}`)
      return "the SHA-256 that it states is one of the release's binaries"
    }),
    ...RUN_CHECKS.map(name => check(name, simulated ? nothingRan : looks[name])),
  ]
}

function nothingRan(): never {
  throw new Untold('simulated: no image was started')
}

function judgeRelease({ version, commit }: Members, release: Manifest): string {
  const known = commit !== 'unknown' && release.commit !== 'unknown'
  sure(known, `${commit === 'unknown' ? 'it' : 'the release'} was built from no commit, or from more than is in one`)
  const same = version === release.version && commit === release.commit
  sure(same, `it is version ${version}, commit ${commit}; the release is ${release.version}, ${release.commit}`)
  return `version ${version}, commit ${commit}`
}

function applicationIn(text: string, expectedHash: string | undefined): Application {
  sure(text.length <= MOST_LENGTH, 'app_compose is longer than dstack takes')
  const members = objectOf(JSON.parse(text), 'app_compose')
  // Of two of a name the last counts here, and the first elsewhere.
  const names = [...text.matchAll(/"(?:[^"\\]+|\\.)*"(\s*:)?/gs)].filter(([, colon]) => colon !== undefined)
  sure(names.length === keysIn(members), 'app_compose has a member twice')
  return {
    members,
    file: textOf(members, 'docker_compose_file'),
    isExpected: sha256(text) === expectedHash?.toLowerCase(),
  }
}

// Of dstack's app-compose.json: what starts nothing.
const QUIET: ReadonlySet<string> = new Set([
  ...['manifest_version', 'name', 'runner', 'docker_compose_file', 'features', 'event_log_version', 'requirements'],
  ...['kms_enabled', 'gateway_enabled', 'tproxy_enabled', 'local_key_provider_enabled', 'key_provider'],
  ...['key_provider_id', 'allowed_envs', 'no_instance_id', 'secure_time', 'storage_fs', 'swap_size'],
  ...['public_logs', 'public_sysinfo', 'public_tcbinfo'],
])

function judgeImage({ members, file, isExpected }: Application, { image, compose, environment }: Manifest): string {
  if (image === undefined) throw new Untold('the release has no image')
  const { runner = 'docker-compose' } = members
  sure(runner === 'docker-compose', `it is not started from a compose file, but by ${runner}`)
  const scripts = Object.keys(members).filter(name => name.includes('script') && members[name])
  sure(scripts.length === 0 || isExpected, `it runs a script of the machine's besides: ${scripts.join(', ')}`)
  const others = imageDigestIn(file, compose) === image ? [] : otherServices(file, image, environment)
  const besides = [...others, ...Object.keys(members).filter(name => !QUIET.has(name) && members[name])]
  if (besides.length > 0 && !isExpected)
    throw new Untold(`what else may run there is for you to read: ${besides.join(', ')}`)
  return `the gateway's service runs ${image}${besides.length > 0 ? `; besides, as you expect: ${besides.join(', ')}` : ', and nothing besides'}`
}

function otherServices(file: string, image: string, environment: readonly string[]): readonly string[] {
  const read = objectOf(plainYaml(file), 'the compose file')
  const { own, others } = servicesOf(read, image)
  for (const name of own) judgeService(read, name, environment)
  return others
}

function judgeEnvironment({ members }: Application, { environment }: Manifest): string {
  const { allowed_envs: allowed = [] } = members
  sure(Array.isArray(allowed), 'allowed_envs is no list')
  const open = allowed.filter(name => !environment.includes(name))
  sure(open.length === 0, `whoever starts it may set what the release does not name: ${open.join(', ')}`)
  return `of the environment ${allowed.length} names may be set, all named by the release`
}

function judgeTemplate({ file, isExpected }: Application, { compose }: Manifest): string {
  if (imageDigestIn(file, compose)) return 'the compose file is that of the release, with an image put in'
  if (isExpected) return "not the release's compose file, but the one that you expect"
  const way = 'read app_compose in the report, and give its SHA-256 as --expect-compose-hash if all of it is good'
  throw new Untold(`not the release's compose file: ${way}`)
}

const TEMPLATE_IMAGE = `registry.example/sealgate@sha256:${'0'.repeat(64)}`
const IMAGE_LINE = /^( +image: )[a-z\d][\w.:/-]*@(sha256:[\da-f]{64})$/gm

/** The digest of the image that was put into a template with this hash; absent where the file is not made of it. */
function imageDigestIn(file: string, template: string): string | undefined {
  const lines = file.matchAll(IMAGE_LINE)
  const isOne = ({ 0: line, 1: head, index }: RegExpExecArray) =>
    sha256(`${file.slice(0, index)}${head}${TEMPLATE_IMAGE}${file.slice(index + line.length)}`) === template
  return [...lines].find(isOne)?.[2]
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

import { sure } from './check.ts'
import { type Members, objectOf } from './members.ts'

/** The services of a compose file, by name: those that run an image, and what else there is. */
export interface Services {
  readonly own: readonly string[]
  readonly others: readonly string[]
}

type Rule = (value: unknown) => boolean

const any: Rule = () => true
/** Not `null`: such a variable is taken from wherever the engine runs. */
const none: Rule = value => value === ''
const isText = (value: unknown, shape: RegExp) => typeof value === 'string' && shape.test(value)
const each = (value: unknown, rule: Rule) => Array.isArray(value) && value.every(rule)
const eachOf =
  (rules: Readonly<Record<string, Rule>>): Rule =>
  value =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).every(([name, given]) => Object.hasOwn(rules, name) && rules[name]?.(given))

const AGENT = /^(?:\/var)?\/run\/(?:dstack|dstack\.sock|dstack\/dstack\.sock)$/
const VOLUME = /^\w[\w.-]*:\/data(?::r[ow])?$/
const SOCKET = /^((?:\/var)?\/run\/(?:dstack|dstack\.sock|dstack\/dstack\.sock)):\1(?::r[ow])?$/
const CHECK = JSON.stringify(['CMD', '/usr/local/bin/sealgate', 'healthcheck'])

/** Over `/data`, which has no program, or the guest agent's socket. */
const mounted: Rule = value => {
  if (typeof value === 'string') return VOLUME.test(value) || SOCKET.test(value)
  const { type, source, target, ...rest } = Object(value)
  const isAgent = type === 'bind' && isText(source, AGENT) && target === source
  const isVolume = type === 'volume' && isText(source, /^\w[\w.-]*$/) && target === '/data'
  return (isAgent || isVolume) && eachOf({ read_only: any, bind: eachOf({ create_host_path: any }) })(rest)
}

/** It is a program that runs in the container, and one of ours: any other could load what it likes. */
const ownHealthcheck = eachOf({
  test: value => JSON.stringify(value) === CHECK,
  ...{ interval: any, timeout: any, retries: any, start_period: any, start_interval: any },
})

/** What the gateway's service may have: nothing by which anything runs but the image's own program. */
const SERVICE: Readonly<Record<string, Rule>> = {
  ...{ image: any, environment: any },
  volumes: value => each(value, mounted),
  tmpfs: value => [value].flat().every(path => isText(path, /^\/(?:data|tmp|run)(?::[\w=,]+)?$/)),
  // Anything longer may name where it is mounted.
  secrets: value => each(value, name => isText(name, /^\w[\w.-]*$/)),
  healthcheck: ownHealthcheck,
  security_opt: value => each(value, option => isText(option, /^no-new-privileges(?:[:=]true)?$/)),
  cap_drop: any,
  ...{ container_name: any, hostname: any, labels: any, logging: any, depends_on: any, init: any, pull_policy: any },
  ...{ ports: any, expose: any, networks: any, read_only: any, restart: any, user: any },
  ...{ cpus: any, mem_limit: any, mem_reservation: any, pids_limit: any, shm_size: any, ulimits: any },
  ...{ stop_grace_period: any, stop_signal: any },
}

/** A volume with options may be any folder of the machine. */
const FILE = {
  ...{ name: any, version: any, services: any, networks: any, secrets: any },
  volumes: (value: unknown) => Object.values(Object(value)).every(volume => volume === null || eachOf({})(volume)),
}

/** What acts before the program's first line, so that it can refuse none of it. */
const BEFORE = ['BUN_OPTIONS', 'BUN_BE_BUN', 'LD_PRELOAD', 'LD_AUDIT', 'LD_LIBRARY_PATH']

/** Tells the services that run the image of this digest from others. @throws Wrong where there is none */
export function servicesOf(file: Members, digest: string): Services {
  const services = objectOf(file['services'], 'services')
  const names = Object.keys(services)
  const own = names.filter(name => imageIn(services[name]) === digest)
  sure(own.length > 0, `no service runs the image of this release, ${digest}`)
  return { own, others: names.filter(name => !own.includes(name)) }
}

/** The digest by which a service's image is pinned: a text without variables. */
function imageIn(service: unknown): string | undefined {
  const { image } = Object(service)
  return typeof image === 'string' ? /^[a-z\d][\w.:/-]*@(sha256:[\da-f]{64})$/.exec(image)?.[1] : undefined
}

/** Holds a service against what one of a release may have. @throws Wrong */
export function judgeService(file: Members, name: string, environment: readonly string[]): void {
  const service = objectOf(objectOf(file['services'], 'services')[name], name)
  const odd = [...refused(FILE, file), ...refused(SERVICE, service).map(key => `${name}.${key}`)]
  sure(odd.length === 0, `more than a release's service has, by which other code could run: ${odd.join(', ')}`)
  const given = new Map(variablesOf(service['environment']))
  const open = BEFORE.filter(variable => !none(given.get(variable)))
  sure(open.length === 0, `${name} does not set to nothing what acts before the program: ${open.join(', ')}`)
  const strange = [...given].filter(([variable, value]) => !none(value) && !environment.includes(variable))
  sure(strange.length === 0, `${name} sets what a release leaves unset: ${strange.map(([key]) => key).join(', ')}`)
}

const refused = (rules: Readonly<Record<string, Rule>>, given: Members) =>
  Object.entries(given).flatMap(([key, value]) => (Object.hasOwn(rules, key) && rules[key]?.(value) ? [] : [key]))

function variablesOf(environment: unknown): readonly (readonly [string, unknown])[] {
  if (!Array.isArray(environment)) return Object.entries(objectOf(environment ?? {}, 'environment'))
  return environment.map(line => {
    const [, name = '', value] = /^([^=]*)(?:=(.*))?$/s.exec(String(line)) ?? []
    return [name, value ?? null] as const
  })
}

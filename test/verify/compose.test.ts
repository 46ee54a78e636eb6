import { describe, expect, test } from 'bun:test'
import { judgeService, servicesOf } from '../../src/verify/compose.ts'
import { type Members, objectOf } from '../../src/verify/members.ts'
import { plainYaml } from '../../src/verify/plain-yaml.ts'
import { COMPOSED, IMAGE, RELEASE } from '../kit/release.ts'

/** A compose file in which each line stands in the place of another, or after the one it says. */
const changed = (from: string | RegExp, to: string) => {
  const text = COMPOSED.replace(from, to)
  expect(text).not.toBe(COMPOSED)
  return text
}
const besides = (...lines: string[]) =>
  changed('    restart: unless-stopped\n', lines.map(line => `    ${line}\n`).join(''))
const mounting = (volume: string) => changed('- sealgate:/data', `- ${volume}`)
const setting = (...lines: string[]) => changed('      TEE: dstack\n', lines.map(line => `      ${line}\n`).join(''))
const checkedBy = (line: string) => changed('test: [CMD, /usr/local/bin/sealgate, healthcheck]', line)
const onTop = (text: string) => `${COMPOSED}${text}\n`

function judge(text: string): void {
  const file: Members = objectOf(plainYaml(text), 'it')
  for (const name of servicesOf(file, IMAGE).own) judgeService(file, name, RELEASE.environment)
}

const NOTHING = ['BUN_OPTIONS=', 'BUN_BE_BUN=', 'LD_PRELOAD=', 'LD_AUDIT=', 'LD_LIBRARY_PATH=']
const LISTED = `    environment: [${NOTHING.join(', ')}, ISSUER, "TEE=dstack"]\n`

describe('a service runs nothing but its image', () => {
  test.each([
    ['as a release has it', COMPOSED],
    ['with what limits it', besides('mem_limit: 2g', 'pids_limit: 100', 'tmpfs: [/tmp]', 'logging:', '  driver: none')],
    ['with secrets in files', besides('secrets: [data-key]')],
    ['with one socket of the agent', mounting('/var/run/dstack.sock:/var/run/dstack.sock:ro')],
    ['with its volume in many words', mounting('type: volume\n        source: sealgate\n        target: /data')],
    ['without a healthcheck', changed(/ {4}healthcheck:\n.*\n.*\n/, '')],
    ['with a setting set to nothing', setting('ALLOW_ENV: ""', 'HTTP_PROXY: ""')],
    ['with its variables in a list', changed(/ {4}environment:\n(?: {6}.*\n)+/, LISTED)],
  ])('%s', (_, text) => {
    expect(() => judge(text)).not.toThrow()
  })
})

describe('other code could run by', () => {
  test.each<[string, string, string]>([
    ['another command', besides('command: [--dev-mode]'), 'sealgate.command'],
    ['another entrypoint', besides('entrypoint: [/data/evil]'), 'sealgate.entrypoint'],
    ['an image that is built', besides('build: .'), 'sealgate.build'],
    ['a file of variables', besides('env_file: [.env]'), 'sealgate.env_file'],
    ['another service of another file', besides('extends:', '  file: b.yaml'), 'sealgate.extends'],
    ['files over its own', besides('configs: [evil]'), 'sealgate.configs'],
    [
      'a secret over its own',
      besides('secrets:', '  - source: evil', '    target: /usr/local/bin/sealgate'),
      'secrets',
    ],
    ['a secret outside its folder', besides('secrets: [../bin]'), 'sealgate.secrets'],
    ['all rights', besides('privileged: true'), 'sealgate.privileged'],
    ['processes of others', besides('pid: service:evil'), 'sealgate.pid'],
    ['memory of others', besides('ipc: host'), 'sealgate.ipc'],
    ['a right to trace', besides('cap_add: [SYS_PTRACE]'), 'sealgate.cap_add'],
    ['no rules for system calls', changed('no-new-privileges:true', 'seccomp:unconfined'), 'sealgate.security_opt'],
    ['devices', besides('devices: [/dev/mem]'), 'sealgate.devices'],
    ['another runtime', besides('runtime: evil'), 'sealgate.runtime'],
    ['what follows its start', besides('post_start:', '  - command: [/data/evil]'), 'sealgate.post_start'],
    ['volumes of others', besides('volumes_from: [evil]'), 'sealgate.volumes_from'],
    ['a folder over the program', mounting('evil:/usr/local/bin'), 'sealgate.volumes'],
    ['a folder over the library', mounting('evil:/lib64'), 'sealgate.volumes'],
    ['a folder over all', mounting('evil:/'), 'sealgate.volumes'],
    ['a way back from its folder', mounting('evil:/data/../lib64'), 'sealgate.volumes'],
    ['a folder of the machine', mounting('/tapp:/data'), 'sealgate.volumes'],
    ['a folder by a variable', mounting('$EVIL:/data'), 'sealgate.volumes'],
    ['the engine', mounting('/var/run/docker.sock:/var/run/docker.sock'), 'sealgate.volumes'],
    ['a socket over the program', changed('target: /var/run/dstack', 'target: /usr/local/bin'), 'sealgate.volumes'],
    ['a volume that is a folder', changed('  sealgate: {}', '  sealgate:\n    driver_opts:\n      o: bind'), 'volumes'],
    ['memory over the program', besides('tmpfs: /usr/local/bin'), 'sealgate.tmpfs'],
    ['a healthcheck by the loader', checkedBy('test: [CMD, /lib64/ld-linux-x86-64.so.2, /data/evil]'), 'healthcheck'],
    ['a healthcheck by a shell', checkedBy('test: /data/evil'), 'sealgate.healthcheck'],
    ['another file', onTop('include: [evil.yaml]'), 'include'],
    ['what YAML reads as a key', besides('"privileged": true'), 'sealgate.privileged'],
  ])('%s', (_, text, key) => {
    expect(() => judge(text)).toThrow(/^more than a release's service has, by which other code could run: /)
    expect(() => judge(text)).toThrow(key)
  })

  test.each([
    ['a preload', changed('BUN_OPTIONS: ""', 'BUN_OPTIONS: --preload=/data/evil.js'), 'program: BUN_OPTIONS'],
    ['whoever sets it', changed('LD_PRELOAD: ""', 'LD_PRELOAD: $EVIL'), 'program: LD_PRELOAD'],
    ['wherever the engine runs', changed('BUN_BE_BUN: ""', 'BUN_BE_BUN:'), 'program: BUN_BE_BUN'],
    ['what is not said', changed(/ +LD_AUDIT.*\n/, ''), 'program: LD_AUDIT'],
    ['what a release leaves unset', setting('NODE_EXTRA_CA_CERTS: /data/ca.pem'), 'unset: NODE_EXTRA_CA_CERTS'],
    ['leave to bend it', setting('ALLOW_ENV: BUN_INSPECT'), 'unset: ALLOW_ENV'],
  ])('a variable of %s', (_, text, why) => {
    expect(() => judge(text)).toThrow(why)
  })
})

describe('a service', () => {
  const servicesIn = (text: string) => servicesOf(objectOf(plainYaml(text), 'it'), IMAGE)

  test('that runs the image is told from others', () => {
    const text = changed('volumes:\n  sealgate: {}', `  db:\n    image: postgres:18\n  sg2:\n    image: a@${IMAGE}`)
    expect(servicesIn(text)).toEqual({ own: ['sealgate', 'sg2'], others: ['db'] })
  })

  test.each([
    ['another digest', changed(IMAGE, IMAGE.replace('1a', '2a'))],
    ['a tag', changed(`@${IMAGE}`, ':v1')],
    ['a variable', changed(/image: .*/, `image: "\${EVIL:-a@${IMAGE}}"`)],
    ['a comment', changed(/image: .*/, `image: evil # a@${IMAGE}`)],
  ])('runs no image of a release by %s', (_, text) => {
    expect(() => servicesIn(text)).toThrow('no service runs the image of this release')
  })
})

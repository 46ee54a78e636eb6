import { expect, test } from 'bun:test'
import { provenance } from '../../release/provenance.ts'
import { released } from '../kit/released.ts'

const files = [{ name: 'sealgate-linux-x64', sha256: '64'.repeat(32) }]

test('it says of which files, from what, and that it is unsigned', () => {
  const { _type, subject, predicateType, predicate } = provenance(released, files)
  expect([_type, predicateType]).toEqual(['https://in-toto.io/Statement/v1', 'https://slsa.dev/provenance/v1'])
  expect(subject).toEqual([{ name: 'sealgate-linux-x64', digest: { sha256: '64'.repeat(32) } }])
  expect(predicate.buildDefinition.internalParameters.note).toStartWith('Unsigned')
  expect(predicate.runDetails.builder.id).toEndWith('unsigned')
  expect(predicate.buildDefinition.resolvedDependencies.map(({ name, digest }) => [name, digest])).toEqual([
    ['sealgate', { gitCommit: released.commit }],
    ['bun.lock', { sha256: released.lockfile }],
    ['bun-linux-x64', { sha256: 'b6'.repeat(32) }],
    ['bun-linux-arm64', { sha256: 'ba'.repeat(32) }],
  ])
})

test('a tree with changes is of no commit', () => {
  const { buildDefinition } = provenance({ ...released, commit: 'unknown' }, files).predicate
  expect(buildDefinition.resolvedDependencies.map(({ name }) => name)).not.toContain('sealgate')
})

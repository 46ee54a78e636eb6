import { expect, test } from 'bun:test'
import { X509Certificate } from 'node:crypto'
import { standInAgent } from '../../src/dev/agent.ts'
import { agent } from '../../src/tee/agent.ts'

const years = (at: string) => new Date(at).getUTCFullYear()

async function chainAt(now: number, names = ['gateway.example', '10.1.2.3']) {
  const { chain } = await agent(standInAgent({ seed: 'tests', now: () => now }).reach).tlsKey('gateway', names)
  const [leaf, top] = chain.map(text => new X509Certificate(text))
  if (!leaf || !top) throw new Error('no chain')
  return { leaf, top }
}

test('a played chain holds: each signature, each issuer, its names, and who may sign', async () => {
  const { leaf, top } = await chainAt(Date.UTC(2026, 0))
  expect([leaf.checkIssued(top), top.checkIssued(top)]).toEqual([true, true])
  expect([leaf.verify(top.publicKey), top.verify(top.publicKey)]).toEqual([true, true])
  expect([leaf.verify(leaf.publicKey), leaf.ca, top.ca]).toEqual([false, false, true])
  expect([leaf.checkHost('gateway.example'), leaf.checkHost('other.example')]).toEqual(['gateway.example', undefined])
  expect(leaf.checkIP('10.1.2.3')).toBe('10.1.2.3')
})

test('a life that ends in 2049 and one that ends in 2050 are written in two ways, and read alike', async () => {
  for (const year of [2039, 2040]) {
    const { leaf } = await chainAt(Date.UTC(year, 6))
    expect([years(leaf.validFrom), years(leaf.validTo)]).toEqual([year, year + 10])
  }
})

test('a long value has a long length', async () => {
  const names = Array.from({ length: 100 }, (_, n) => `gateway-${n}.example`)
  const { leaf, top } = await chainAt(Date.UTC(2026, 0), names)
  expect(leaf.verify(top.publicKey)).toBe(true)
  expect(leaf.checkHost('gateway-99.example')).toBe('gateway-99.example')
})

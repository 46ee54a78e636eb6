import { afterEach, expect, test } from 'bun:test'
import { healthcheck } from '../../src/cli/healthcheck.ts'
import { madePair } from '../kit/tls.ts'

const servers: Bun.Server<undefined>[] = []
afterEach(() => Promise.all(servers.splice(0).map(server => server.stop(true))))

function served(status: number): number {
  const { key, chain: cert } = madePair()
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    tls: { key, cert },
    fetch: () => new Response(null, { status }),
  })
  servers.push(server)
  return server.port ?? 0
}

test('over TLS it asks who is well, whoever signed the certificate', async () => {
  const said: string[] = []
  const asked = (port: number, withTls = true) =>
    healthcheck({ host: '0.0.0.0', port, withTls }, line => said.push(line))
  const well = served(200)
  expect(await asked(well)).toBe(0)
  expect(said).toEqual([])
  expect(await asked(served(503))).toBe(1)
  expect(await asked(well, false)).toBe(1)
  expect(said[0]).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/health answered 503\.$/)
  expect(said[1]).toContain('did not answer: is the gateway running, and HOST, PORT and what is set of TLS the same')
})

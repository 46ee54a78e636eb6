import { expect, test } from 'bun:test'
import { fetchReport } from '../../src/cli/fetch-report.ts'
import { forLocalhost } from '../kit/certificates.ts'

const never = () => new Promise<Response>(() => undefined)
const dripping = () => {
  const body = new ReadableStream({
    pull: async stream => {
      await Bun.sleep(5)
      stream.enqueue(new Uint8Array(1))
    },
  })
  return new Response(body)
}

test.each([
  ['does not begin', never],
  ['does not end', dripping],
])('an answer that %s is given up in time', async (_, fetch) => {
  const server = Bun.serve({ port: 0, tls: forLocalhost, fetch })
  const url = new URL(`https://localhost:${server.port}`)
  await expect(fetchReport(url, '00', 50)).rejects.toThrow('does not answer within 0.05 s')
  await server.stop(true)
})

import { afterEach, expect, test } from 'bun:test'
import { ListenFault } from '../src/listening.ts'
import { METRICS_AT, measuring } from '../src/measuring.ts'
import { NO_METERS } from '../src/protocol/meters.ts'
import { needed, read } from './kit/config.ts'

const running: { stop(): unknown }[] = []
afterEach(async () => {
  for (const part of running.splice(0)) await part.stop()
})

/** What counts with these settings, and what was logged. */
async function begun(settings: Record<string, string>, unset = METRICS_AT) {
  const { config } = read({ ...needed, ...settings })
  const logged: unknown[][] = []
  const counted = await measuring(config, {
    tee: undefined,
    keysAgeMs: undefined,
    unset,
    log: (...line) => logged.push(line),
  })
  running.push(counted)
  counted.announce()
  return { counted, logged, port: Number(Object(logged[0]?.[2]).port) }
}

const taken = (port: number) => {
  const server = Bun.serve({ hostname: '127.0.0.1', port, reusePort: false, fetch: () => new Response('another') })
  running.push({ stop: () => server.stop(true) })
  return server
}

test('where it is told to listen it tells of itself, and no longer once it is stopped', async () => {
  const { counted, port } = await begun({ METRICS_ADDR: '127.0.0.1:0' })
  const url = `http://127.0.0.1:${port}/metrics`
  expect(await (await fetch(url)).text()).toContain('sealgate_build_info{version=')
  await counted.stop()
  expect(await fetch(url).catch(error => error)).toBeInstanceOf(Error)
})

test('an address that was set and is in use ends the start, with the way out', async () => {
  const { port } = taken(0)
  const fault = await begun({ METRICS_ADDR: `127.0.0.1:${port}` }).catch(error => error)
  expect(fault).toBeInstanceOf(ListenFault)
  expect(fault.message).toBe(
    `Cannot serve metrics on 127.0.0.1:${port}: it is in use. Set METRICS_ADDR to another address, or to \`off\`.`,
  )
})

test('an address of another machine ends the start, in words that fit a port below 1024 too', async () => {
  const fault = await begun({ METRICS_ADDR: '192.0.2.1:9464' }).catch(error => error)
  expect(fault.message).toContain(': the address is not one of this machine, or its port not for this user. Set')
})

test('the default address in use is a warning, and nothing is counted', async () => {
  const { port = 0 } = taken(0)
  const { counted, logged } = await begun({}, { host: '127.0.0.1', port })
  expect(logged).toMatchObject([['warn', 'metrics_failed', { port, fault: expect.stringContaining('EADDRINUSE') }]])
  expect(counted.meters).toBe(NO_METERS)
})

test('the default address gives way to PORT too', async () => {
  const { counted, logged } = await begun({ PORT: '9464' })
  expect(logged).toMatchObject([['warn', 'metrics_failed', { port: 9464, fault: expect.stringContaining('Listen') }]])
  expect(counted.meters).toBe(NO_METERS)
})

test('off is off: no listener, and no word of it', async () => {
  const { logged } = await begun({ METRICS_ADDR: 'off' })
  expect(logged).toEqual([])
})

import { afterEach, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { standInAgent } from '../../src/dev/agent.ts'
import { findTee, type Search, TeeFault } from '../../src/tee/find.ts'
import { parseQuote, SIMULATED } from '../../src/tee/quote.ts'
import { agentOnSocket, refusing, type SocketAgent, socketPath, telling } from '../kit/agent.ts'

const served: SocketAgent[] = []
afterEach(async () => {
  await Promise.all(served.splice(0).map(({ stop }) => stop()))
})

function on(options: Parameters<typeof agentOnSocket>[0] = {}): string {
  const played = agentOnSocket(options)
  served.push(played)
  return played.path
}

/** What a search comes to: the TEE or the fault's message, and what was logged. */
async function found(search: Partial<Search>) {
  const logged: string[] = []
  const tee = await findTee({
    mode: 'auto',
    sockets: [],
    simulator: undefined,
    standIn: async () => standInAgent({ seed: 'stand-in' }).reach,
    log: (level, event) => logged.push(`${level} ${event}`),
    ...search,
  }).catch(error => {
    if (error instanceof TeeFault) return error.message
    throw error
  })
  return { tee, logged }
}

const modeOf = ({ tee }: Awaited<ReturnType<typeof found>>) => (typeof tee === 'object' ? tee.mode : tee)
const DATA = new Uint8Array(64).fill(9)

describe('outside dev mode', () => {
  test.each(['auto', 'dstack'] as const)('an agent that is there is taken: %s', async mode => {
    const { tee, logged } = await found({ mode, sockets: [socketPath(), on()] })
    expect([modeOf({ tee, logged }), logged]).toEqual(['dstack', []])
    expect(Object(await Object(tee).agent.info()).appId).toHaveLength(40)
  })

  test('auto does without one, and warns once', async () => {
    expect(await found({ mode: 'auto', sockets: [socketPath()] })).toEqual({ tee: undefined, logged: ['warn no_tee'] })
  })

  test('dstack does not, and says where it looked', async () => {
    const [one, other] = [socketPath(), socketPath()]
    const { tee, logged } = await found({ mode: 'dstack', sockets: [one, other] })
    expect(tee).toBe(
      `TEE is dstack (as it is where DEV_MODE=false is said), and there is no guest agent (looked for at ${one}, ${other}): mount its socket, or set TEE=none where there is no TEE.`,
    )
    expect(logged).toEqual([])
  })

  test('none does not look', async () => {
    const played = agentOnSocket()
    served.push(played)
    expect(await found({ mode: 'none', sockets: [played.path] })).toEqual({ tee: undefined, logged: [] })
    expect(played.asked).toEqual([])
  })

  describe.each(['auto', 'dstack'] as const)('%s does not go on without what is there, but out of order', mode => {
    const out = (sockets: readonly string[]) => found({ mode, sockets, withinMs: 20 })
    const said = expect.stringContaining('no answer that is understood')

    test('a socket that nobody listens on', async () => {
      const path = socketPath()
      writeFileSync(path, '')
      expect(await out([socketPath(), path])).toEqual({ tee: said, logged: [] })
    })

    test('an agent that refuses', async () => {
      expect(await out([on({ fault: refusing('Info', 'no') })])).toEqual({ tee: said, logged: [] })
    })

    test('an agent that does not answer', async () => {
      const { promise, resolve } = Promise.withResolvers<Response>()
      expect(await out([on({ fault: () => promise })])).toEqual({ tee: said, logged: [] })
      resolve(new Response())
    })
  })

  test('whoever sets the place of a simulator gives no keys', async () => {
    expect(modeOf(await found({ mode: 'auto', sockets: [socketPath()], simulator: on() }))).toBeUndefined()
    expect(modeOf(await found({ mode: 'dstack', sockets: [socketPath()], simulator: on() }))).toContain('TEE is dstack')
  })
})

describe('in dev mode', () => {
  test('a stand-in is taken', async () => {
    const { tee, logged } = await found({ mode: 'simulated', sockets: [socketPath()] })
    expect([modeOf({ tee, logged }), logged]).toEqual(['simulated', []])
  })

  test('or the agent at the place of a simulator, a socket or an http URL', async () => {
    const path = on({ seed: 'simulator' })
    const { appId } = await Object((await found({ mode: 'simulated', simulator: path })).tee).agent.info()
    const { reach } = standInAgent({ seed: 'simulator' })
    const http = Bun.serve({
      port: 0,
      fetch: async request => reach(new URL(request.url).pathname.slice(1), await request.text(), request.signal),
    })
    const { tee } = await found({ mode: 'simulated', simulator: `http://127.0.0.1:${http.port}` })
    expect((await Object(tee).agent.info()).appId).toBe(appId)
    await http.stop(true)
  })

  test('a simulator that was named and is not there is a fault, and no stand-in takes its place', async () => {
    const simulator = socketPath()
    expect((await found({ mode: 'simulated', simulator })).tee).toBe(
      `No guest agent that is understood answers at ${simulator}: start the simulator, or drop DSTACK_SIMULATOR_ENDPOINT.`,
    )
  })

  test.each([
    ['the stand-in', false],
    ['an agent that passes for real', true],
  ])('every quote says that no TEE made it: of %s', async (_, passes) => {
    const unmarked = telling('GetQuote', told => {
      const quote = Buffer.from(String(told['quote']), 'hex')
      quote.writeUInt32LE(0x81, 4)
      quote.write('939a7233f79c4ca9940a0db3957f0607', 12, 'hex')
      return { ...told, quote: quote.toString('hex') }
    })
    const simulator = passes ? on({ fault: unmarked }) : undefined
    const { tee } = await found({ mode: 'simulated', simulator })
    const { teeType, vendor, body } = parseQuote((await Object(tee).agent.quote(DATA)).quote)
    expect([teeType, Buffer.from(vendor).toString('hex')]).toEqual([SIMULATED, '00'.repeat(16)])
    expect(Buffer.from(body.reportData)).toEqual(Buffer.from(DATA))
  })

  test.each([
    ['answers', undefined],
    ['refuses', refusing('Info', 'no')],
  ])('nothing starts where a real agent %s', async (_, fault) => {
    const path = on(fault && { fault })
    const { tee } = await found({ mode: 'simulated', sockets: [socketPath(), path], simulator: on() })
    expect(tee).toStartWith('Dev mode is not for a TEE, and a guest agent is at one of ')
  })
})

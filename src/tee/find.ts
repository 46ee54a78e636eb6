import { existsSync } from 'node:fs'
import type { Log } from '../protocol/log.ts'
import { Problem } from '../protocol/problem.ts'
import { type Agent, agent } from './agent.ts'
import { simulated } from './quote.ts'
import { overHttp, overSockets, type Reach } from './sockets.ts'
import type { Tee } from './tee.ts'

/** A TEE that is not as it was told to be; the message says what was looked for and the way out. */
export class TeeFault extends Error {
  override readonly name = 'TeeFault'
}

/** What was told of the TEE, and where to look for it. */
export interface Search {
  readonly mode: 'auto' | 'dstack' | 'simulated' | 'none'
  /** Where a real agent's socket may be. */
  readonly sockets: readonly string[]
  /** The agent of a simulated TEE: a socket's path or an http URL. Without one the stand-in is taken. */
  readonly simulator: string | undefined
  readonly standIn: () => Promise<Reach>
  readonly log: Log
  /** How long an agent may take to show that it is there. */
  readonly withinMs?: number
}

/** Finds the TEE, if there shall be one. @throws TeeFault where there is none that should be, or one that should not. */
export function findTee(search: Search): Promise<Tee | undefined> {
  switch (search.mode) {
    case 'none':
      return Promise.resolve(undefined)
    case 'simulated':
      return simulatedTee(search)
    case 'auto':
    case 'dstack':
      return realTee(search)
  }
}

async function realTee({ mode, sockets, log, withinMs }: Search): Promise<Tee | undefined> {
  const found = agent(overSockets(sockets), withinMs)
  const state = await stateOf(found)
  if (state === 'there') return { mode: 'dstack', agent: found }
  const places = sockets.join(', ')
  // Never on without what is there, but out of order: a gateway would be another one than yesterday.
  if (state === 'broken' || sockets.some(existsSync))
    throw new TeeFault(
      `A guest agent's socket is there, but no answer that is understood comes of it (looked for at ${places}): start the agent anew, see that this user may open its socket, or set TEE=none.`,
    )
  if (mode === 'dstack')
    throw new TeeFault(
      `TEE is dstack (as it is where DEV_MODE=false is said), and there is no guest agent (looked for at ${places}): mount its socket, or set TEE=none where there is no TEE.`,
    )
  log('warn', 'no_tee')
  return undefined
}

async function simulatedTee({ sockets, simulator, standIn, withinMs }: Search): Promise<Tee> {
  if ((await stateOf(agent(overSockets(sockets), withinMs))) !== 'absent')
    throw new TeeFault(
      `Dev mode is not for a TEE, and a guest agent is at one of ${sockets.join(', ')}: drop DEV_MODE, or the socket.`,
    )
  const played = agent(simulator === undefined ? await standIn() : at(simulator), withinMs)
  if (simulator !== undefined && (await stateOf(played)) !== 'there')
    throw new TeeFault(
      `No guest agent that is understood answers at ${simulator}: start the simulator, or drop DSTACK_SIMULATOR_ENDPOINT.`,
    )
  return { mode: 'simulated', agent: marking(played) }
}

const at = (place: string): Reach => (place.startsWith('/') ? overSockets([place]) : overHttp(place))

async function stateOf({ info }: Agent): Promise<'there' | 'absent' | 'broken'> {
  try {
    await info()
    return 'there'
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return error.code === 'agent_unavailable' ? 'absent' : 'broken'
  }
}

/** The same agent, whose quotes say that no TEE made them, whatever they said before. */
function marking(played: Agent): Agent {
  return {
    ...played,
    quote: async reportData => {
      const quoted = await played.quote(reportData)
      return { ...quoted, quote: simulated(quoted.quote) }
    },
  }
}

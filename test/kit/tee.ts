import { standInAgent } from '../../src/dev/agent.ts'
import { agent } from '../../src/tee/agent.ts'
import type { Tee } from '../../src/tee/tee.ts'

interface Options {
  /** Whose keys and measurements these are. */
  seed?: string
  /** Changes what the agent answers to a method. */
  altered?: (method: string, told: Record<string, unknown>) => unknown
}

/** A simulated TEE in this process, and the methods its agent was asked for. */
export function standInTee({ seed = 'kit', altered = (_, told) => told }: Options = {}) {
  const asked: string[] = []
  const { reach, appCompose } = standInAgent({ seed })
  const heard: typeof reach = async (method, body, signal) => {
    asked.push(method)
    const answer = await reach(method, body, signal)
    return Response.json(await altered(method, (await answer.json()) as Record<string, unknown>), {
      status: answer.status,
    })
  }
  const tee: Tee = { mode: 'simulated', agent: agent(heard) }
  return { tee, asked, appCompose }
}

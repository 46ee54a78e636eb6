import type { Ground } from '../claim.ts'
import { MODELS } from './backend.ts'
import { chat, type Told } from './chat.ts'
import type { Fleet } from './fleet.ts'

/** How callers behave: how many requests each has open, how long those last, and what they cost. */
const MANNERS = {
  plain: { atOnce: 1, holdMs: 250, tokens: 1 },
  greedy: { atOnce: 12, holdMs: 3000, tokens: 1 },
  glutton: { atOnce: 3, holdMs: 100, tokens: 10_000 },
} as const
const EACH = { greedy: 8, glutton: 8 }
const PAUSE_MS = 400

type Manner = keyof typeof MANNERS

/** Has so many callers ask at all gateways, by JWTs, sessions and API keys, until they are told to stop. */
export async function load(count: number, { urls, population }: Fleet, ground: Ground) {
  const all: Told[] = []
  const state = { going: true }
  const ways = Array.from({ length: count }, async (_, at) => {
    const caller = `${mannerOf(at)}-${at}`
    if (at % 3 === 0) return { caller, authorization: (await ground.bearer(caller)).authorization }
    const person = await population.person(caller)
    return { caller, authorization: person[at % 3 === 1 ? 'session' : 'key'].authorization }
  })
  const callers = await Promise.all(ways)
  const began = Date.now()

  async function ask({ caller, authorization }: (typeof callers)[number], manner: Manner): Promise<void> {
    // Not all in the same moment.
    await Bun.sleep(Math.random() * PAUSE_MS)
    for (let turn = Math.floor(Math.random() * urls.length); state.going; turn++) {
      const model = MODELS[turn % 4 === 3 ? 1 : 0]
      const { told } = chat(urls[turn % urls.length] ?? '', authorization, { caller, model, ...MANNERS[manner] })
      all.push(await told)
      await Bun.sleep(PAUSE_MS * (0.5 + Math.random()))
    }
  }
  const asking = callers.flatMap((caller, at) => {
    const manner = mannerOf(at)
    return Array.from({ length: MANNERS[manner].atOnce }, () => ask(caller, manner))
  })
  return {
    all,
    /** How many seconds it lasted, when all have their last answer. */
    stop: async (): Promise<number> => {
      state.going = false
      await Promise.all(asking)
      return (Date.now() - began) / 1000
    },
  }
}

const mannerOf = (at: number): Manner =>
  at < EACH.greedy ? 'greedy' : at < EACH.greedy + EACH.glutton ? 'glutton' : 'plain'

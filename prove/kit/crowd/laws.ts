import type { Figure } from '../claim.ts'
import type { Visit } from './backend.ts'
import type { Told } from './chat.ts'

interface Limits {
  readonly rpm: number
  readonly burst: number
  readonly open: number
  readonly tokens: number
}

// A rate token that a refusal for another reason took comes back a moment after that answer.
const GIVEN_BACK_MS = 1000

/**
 * The limiter's law over every window of every caller. A request was allowed between its asking and its coming to the
 * backend, both told here by the one clock of this machine; so of those that did both within a window as many were
 * allowed in it, and there is no slack. What another limit refused took its token and gave it back: at worst, one that
 * was taken before the window came back within.
 */
export function limiterLaw(told: readonly Told[], visits: ReadonlyMap<number, Visit>, limits: Limits): Figure {
  const stepMs = 60_000 / limits.rpm
  const asked = new Map(told.map(one => [one.number, one.askedAt]))
  const arrived = [...visits.values()].flatMap(({ number, caller, at }) => {
    const askedAt = asked.get(number)
    return askedAt === undefined ? [] : [{ caller, askedAt, at }]
  })
  const refused = told.filter(({ status, code }) => status === 429 && code !== 'rate_limited')
  const refusedOf = Map.groupBy(refused, ({ caller }) => caller)
  let [windows, least] = [0, Number.POSITIVE_INFINITY]
  const callers = Map.groupBy(arrived, ({ caller }) => caller)
  for (const [caller, own] of callers) {
    const byArrival = own.toSorted((a, b) => a.at - b.at)
    for (const { askedAt: begin } of own) {
      const back = (refusedOf.get(caller) ?? []).filter(
        one => one.askedAt < begin && one.endedAt > begin - GIVEN_BACK_MS,
      ).length
      let count = 0
      for (const { askedAt, at } of byArrival) {
        if (askedAt < begin) continue
        count++
        windows++
        least = Math.min(least, limits.burst + (at - begin) / stepMs + back - count)
      }
    }
  }
  // Callers who did not exhaust their buckets would show nothing.
  const { size: most } = exhausted(told)
  const is = `kept with ${least.toFixed(2)} requests to spare in the tightest of ${windows} windows (limit 0); ${most} of ${callers.size} callers exhausted their buckets`
  return { what: 'the limiter’s law:', is, holds: least >= 0 && most > callers.size * 0.9 }
}

/** The callers who were told that they ask too often. */
export const exhausted = (told: readonly Told[]): ReadonlySet<string> =>
  new Set(told.filter(({ code }) => code === 'rate_limited').map(({ caller }) => caller))

/** How many requests each caller had open at the backend, at the most. */
export function openLaw(visits: ReadonlyMap<number, Visit>, { open }: Limits): Figure {
  let most = 0
  for (const own of Map.groupBy(visits.values(), ({ caller }) => caller).values()) {
    // At one moment those that end go first.
    const steps = own.flatMap(({ at, endedAt }) => [
      { at, by: 1 },
      { at: endedAt ?? Number.POSITIVE_INFINITY, by: -1 },
    ])
    let now = 0
    for (const { by } of steps.sort((a, b) => a.at - b.at || a.by - b.by)) {
      now += by
      most = Math.max(most, now)
    }
  }
  return { what: 'most requests of a caller open at once:', is: `${most} (limit ${open})`, holds: most === open }
}

/** What those callers used who went for it: the limit, and at most what was open when it was reached. */
export function tokenLaw(told: readonly Told[], visits: ReadonlyMap<number, Visit>, limits: Limits): Figure {
  const gluttons = [...visits.values()].filter(({ caller }) => caller.startsWith('glutton'))
  const used = [...Map.groupBy(gluttons, ({ caller }) => caller).values()].map(own =>
    own.reduce((sum, { tokens }) => sum + tokens, 0),
  )
  const most = limits.tokens + limits.open * Math.max(...gluttons.map(({ tokens }) => tokens))
  const refused = told.filter(({ code }) => code === 'token_limit_exceeded').length
  const is = `${Math.min(...used)} to ${Math.max(...used)} by ${used.length} callers (limit ${limits.tokens}, and what they had open: ${most}), ${refused} refused`
  const holds = refused > 0 && used.every(tokens => tokens >= limits.tokens && tokens <= most)
  return { what: 'tokens of a day:', is, holds }
}

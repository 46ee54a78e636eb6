interface Deps {
  /** The models that backends list. */
  list: () => Promise<readonly string[]>
  now: () => number
}

// Each is a series for ever.
const MOST_NAMES = 100
const ASK_MS = 60_000
const OTHER = 'other'

/**
 * What a model is called where names may not be anybody's own: as a backend lists it, else `other`. What a backend says
 * it answered with may be no more than the word of whoever asked, given back. Never rejects.
 */
export function listedModels({ list, now }: Deps): (model: string) => string | Promise<string> {
  const names = new Set<string>()
  let askedAt = Number.NEGATIVE_INFINITY
  let asking: Promise<void> | undefined

  async function learn(): Promise<void> {
    try {
      for (const name of await list()) if (names.size < MOST_NAMES) names.add(name)
    } catch {
      // The list is asked for again in a minute; until then it is the others'.
    }
    asking = undefined
  }

  return model => {
    if (names.has(model)) return model
    if (!asking && now() - askedAt >= ASK_MS) {
      askedAt = now()
      asking = learn()
    }
    return asking?.then(() => (names.has(model) ? model : OTHER)) ?? OTHER
  }
}

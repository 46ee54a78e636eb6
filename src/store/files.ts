import { statSync } from 'node:fs'

const LOOK_MS = 100

/**
 * Tells whether a database's files are still those that were opened: SQLite writes on into files that somebody deleted,
 * and what it writes there is lost. Looks ten times a second at most. Where only the files beside the database are gone,
 * `rebuild` shall make them anew, or throw.
 */
export function filesOf(path: string, rebuild: () => void): { areOurs(): boolean } {
  const main = identity(path)
  let beside = besides(path)
  let lookedAt = performance.now()
  let ours = true

  function look(): boolean {
    if (identity(path) !== main) return false
    if (besides(path) === beside) return true
    try {
      rebuild()
    } catch {
      return false
    }
    beside = besides(path)
    return true
  }

  return {
    areOurs: () => {
      if (performance.now() - lookedAt < LOOK_MS) return ours
      lookedAt = performance.now()
      ours = look()
      return ours
    },
  }
}

function besides(path: string): string {
  return `${identity(`${path}-wal`)} ${identity(`${path}-shm`)}`
}

function identity(path: string): string {
  try {
    const { dev, ino } = statSync(path)
    return `${dev}:${ino}`
  } catch {
    return 'none'
  }
}

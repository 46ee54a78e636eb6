import { readdirSync, realpathSync, type Stats, statSync } from 'node:fs'
import { join, sep } from 'node:path'

// A line break in a name would let one list of files stand for another.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const ODD = /[\x00-\x1f\x7f\\]/

interface Found {
  /** Below the folder, as `assets/index.js`. */
  readonly path: string
  /** Where it is, all links followed. */
  readonly real: string
  readonly size: number
}

/**
 * The files below a folder, sorted by the bytes of their paths. Names that begin with a dot are passed over; left out, and
 * counted, are links that lead out of the folder, nowhere or to what they are in, what is no file, and names with control
 * characters or backslashes.
 */
export function filesBelow(folder: string): { found: readonly Found[]; leftOut: number } {
  const root = realpathSync(folder)
  const all = [...walk(root, root, '', [root])]
  const found = all.filter(it => it !== undefined)
  found.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
  return { found, leftOut: all.length - found.length }
}

function* walk(root: string, folder: string, prefix: string, above: readonly string[]): Generator<Found | undefined> {
  for (const name of readdirSync(folder)) {
    if (name.startsWith('.')) continue
    const place = ODD.test(name) ? undefined : placeOf(root, join(folder, name))
    if (!place || above.includes(place.real)) yield undefined
    else if (place.stats.isDirectory()) yield* walk(root, place.real, `${prefix}${name}/`, [...above, place.real])
    else yield place.stats.isFile() ? { path: prefix + name, real: place.real, size: place.stats.size } : undefined
  }
}

/** Where a path leads, if that is below the root. */
function placeOf(root: string, path: string): { real: string; stats: Stats } | undefined {
  try {
    const real = realpathSync(path)
    return real.startsWith(root.endsWith(sep) ? root : root + sep) ? { real, stats: statSync(real) } : undefined
  } catch {
    return undefined
  }
}

// Webpack, Parcel and others: `main.4f3a2b1c.js`, `main.4f3a2b1c.chunk.css`.
const DOTTED = /\.(?=\d*[a-f])(?=[a-f]*\d)[\da-f]{8,64}(?:\.[a-z\d]+)+$/i
// Vite and Rollup: `assets/index-BdQq4o_x.js`.
const DASHED = /^assets\/(?:.*\/)?[^/]*-([\w-]{8})(?:\.[a-z\d]+)+$/i
/** What a person may have written there: words (`portrait`, `up-right`, `Version2`), dates and sizes (`1280x720`). */
const PLAIN = /^(?:(?:(?:[A-Z]?[a-z]+|[A-Z]+)\d*|\d+x?\d*)(?:[-_]|$))+$/

/**
 * Whether a path below a front end's folder bears a hash of what is in the file, as bundlers write it, so that it never
 * changes. A hash that looks like words is taken for them: such a file is merely asked about again.
 */
export function isHashed(path: string): boolean {
  const hash = DASHED.exec(path)?.[1]
  return DOTTED.test(path) || (hash !== undefined && !PLAIN.test(hash))
}

import { version } from '../package.json' with { type: 'json' }

/** What `bun run build` puts in the place of this name. */
declare const BUILD_COMMIT: string

/** This program's version, as its package says it. */
export const VERSION: string = version

/** The commit that this program was built from; `unknown` where it runs from its source, or was built from what is in none. */
export const COMMIT: string = typeof BUILD_COMMIT === 'undefined' ? 'unknown' : BUILD_COMMIT

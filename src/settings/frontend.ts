import { clientText, path } from '../protocol/kinds.ts'
import type { Setting } from './setting.ts'

/** What people get in a browser. */
export const frontend = {
  FRONTEND_DIR: {
    kind: path,
    unset: 'a page that says what answers here',
    attested: 'content',
    what: 'A folder with a built single-page application, served at `/`; read once, at the start.',
    why: 'Operators who serve their front end from here.',
  },
  FRONTEND_CSP: {
    kind: clientText,
    default:
      "default-src 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
    attested: true,
    what: 'The `Content-Security-Policy` of that application; without `frame-ancestors` in it no page may frame it.',
    why: 'Operators whose front end reaches other hosts, or brings styles or scripts inline.',
  },
} as const satisfies Readonly<Record<string, Setting>>

import { integer } from '../protocol/kinds.ts'
import type { Setting } from './setting.ts'

/** How people sign in, and for how long. */
export const signIn = {
  SESSION_DAYS: {
    kind: integer(1, 3650),
    default: '30',
    what: 'Days after which a session that nobody uses ends; each day of use renews it.',
    why: 'Operators, by how long a lost device may stay signed in.',
  },
  SESSION_MAX_DAYS: {
    kind: integer(1, 3650),
    default: '90',
    what: 'Days after its sign-in when a session ends, however much it is used.',
    why: 'Operators whose rules ask for a new sign-in now and then.',
  },
} as const satisfies Readonly<Record<string, Setting>>

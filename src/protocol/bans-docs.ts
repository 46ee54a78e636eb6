import { type Detail, headers, parameter, refuses } from './openapi.ts'
import { LIMIT_HEADERS } from './openapi-words.ts'

const MOMENT = { type: 'string', format: 'date-time' }
const BAN = {
  type: 'object',
  required: ['owner', 'reason', 'until', 'banned_at', 'banned_by'],
  properties: {
    owner: { type: 'string' },
    reason: { type: 'string' },
    until: { ...MOMENT, nullable: true },
    banned_at: MOMENT,
    banned_by: { type: 'string' },
  },
}
const SHOWN = {
  owner: `j_${'0f'.repeat(16)}`,
  reason: 'Shares its account.',
  until: null,
  banned_at: '2026-01-31T12:00:00.000Z',
  banned_by: `u_${'00'.repeat(16)}`,
}
const GIVEN = {
  type: 'object',
  required: ['reason'],
  properties: { reason: { type: 'string', minLength: 1, maxLength: 1000 }, until: { ...MOMENT, nullable: true } },
  additionalProperties: false,
}

const passed = { headers: headers(LIMIT_HEADERS) }
const about = { tags: ['administration'], parameters: [parameter('OwnerId')] }
const told = (description: string) => ({
  200: { description, ...passed, content: { 'application/json': { schema: BAN, example: SHOWN } } },
})

const DETAILS = {
  GET: () =>
    refuses(['not_found', 'invalid_query'], {
      ...about,
      summary: 'How an owner is banned.',
      responses: told('The ban that is in force.'),
    }),
  POST: () =>
    refuses(['not_found', 'invalid_query', 'malformed_json', 'invalid_body', 'body_too_large', 'request_stalled'], {
      ...about,
      summary: 'Bans an owner.',
      description:
        'Whatever they ask is a 403 `account_restricted`, but for what is their own account; what they have under way is cut. At once here, and within five seconds everywhere; until the moment that is told, or until it is lifted. It replaces how they were banned before. The reason is for administrators alone.',
      requestBody: {
        description: 'Why, and until when.',
        required: true,
        content: { 'application/json': { schema: GIVEN, example: { reason: 'Shares its account.' } } },
      },
      responses: told('How they are banned now.'),
    }),
  DELETE: () =>
    refuses(['not_found', 'invalid_query'], {
      ...about,
      summary: 'Lifts the ban of an owner.',
      responses: { 204: { description: 'Done.', ...passed } },
    }),
} as const satisfies Record<string, () => Detail>

/** What is said of bans. */
export const banDetail = (method: keyof typeof DETAILS): Detail => DETAILS[method]()

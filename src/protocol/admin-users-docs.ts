import { type Answer, type Detail, headers, parameter, refuses } from './openapi.ts'
import { LIMIT_HEADERS } from './openapi-words.ts'

type Schema = Readonly<Record<string, unknown>>
const object = (properties: Record<string, Schema>): Schema => ({
  type: 'object',
  required: Object.keys(properties),
  properties,
})
const list = (items: Schema): Schema => ({ type: 'array', items })
const orNull = (schema: Schema): Schema => ({ ...schema, nullable: true })
const text = { type: 'string' }
const whole = { type: 'integer', minimum: 0 }
const uuid = { type: 'string', format: 'uuid' }
const moment = { type: 'string', format: 'date-time' }

const AT = '2026-01-02T12:00:00.000Z'
const USER_ID = '00000000-0000-4000-8000-000000000002'
const PAGE = { limit: whole, offset: whole }
const FIRST_PAGE = { limit: 20, offset: 0 }

const user = object({
  ...{ id: uuid, email: orNull(text), name: orNull(text), avatar_url: orNull(text) },
  ...{ created_at: moment, updated_at: moment },
})
const aUser = {
  ...{ id: USER_ID, email: 'ada@example.com', name: 'Ada', avatar_url: null },
  ...{ created_at: AT, updated_at: AT },
}
const activity = object({
  ...{ id: text, user_id: uuid },
  activity_type: { ...text, enum: ['login', 'signup', 'response', 'conversation', 'file_upload'] },
  ...{ auth_method: orNull(text), metadata: orNull({ type: 'object' }), created_at: moment },
})
const anActivity = {
  ...{ id: '0f0f0f0f0f0f0f0f', user_id: USER_ID, activity_type: 'login', auth_method: 'google' },
  ...{ metadata: null, created_at: AT },
}

const answer = (description: string, schema: Schema, example: unknown): Answer => ({
  description,
  headers: headers(LIMIT_HEADERS),
  content: { 'application/json': { schema, example } },
})

/** What is said of the list of users. */
export const usersDetail = (): Detail =>
  refuses(['invalid_query'], {
    tags: ['administration'],
    summary: 'Users, the newest first, in pages; or the one who is asked for.',
    description: 'Whoever is being deleted is not among them.',
    parameters: (['PageLimit', 'Offset', 'SoughtUser'] as const).map(parameter),
    responses: {
      200: answer('A page, and how many there are in all.', object({ users: list(user), ...PAGE, total: whole }), {
        ...{ users: [aUser], ...FIRST_PAGE, total: 1 },
      }),
    },
  })

/** What is said of one user. */
export function userDetail(): Detail {
  const schema = object({
    ...{ user, owner: { ...text, pattern: '^u_[0-9a-f]{32}$' }, providers: list(text) },
    ...{ sessions: whole, keys: whole, last_active: orNull(moment) },
  })
  const owner = `u_${USER_ID.replaceAll('-', '')}`
  const example = { user: aUser, owner, providers: ['google'], sessions: 2, keys: 0, last_active: AT }
  return refuses(['not_found', 'invalid_query'], {
    tags: ['administration'],
    summary: 'A user, and how they come here.',
    description:
      'By `owner` everything of theirs is kept and limited. Sessions and keys are counted that have not ended; `last_active` is when they last signed in, made something or asked a backend.',
    parameters: [parameter('UserId')],
    responses: { 200: answer('The user.', schema, example) },
  })
}

/** What is said of what a user did. */
export const activityDetail = (): Detail =>
  refuses(['not_found', 'invalid_query'], {
    tags: ['administration'],
    summary: 'What a user did in the last `ACTIVITY_DAYS`, the latest first, in pages.',
    description:
      'A `response` is a successful answer of a route that costs tokens, told once it has ended and dated when it was asked for. It goes no further back than the latest 10,000 requests. `metadata` names ids alone.',
    parameters: (['UserId', 'PageLimit', 'ActivityOffset'] as const).map(parameter),
    responses: {
      200: answer('A page.', object({ user_id: uuid, activities: list(activity), ...PAGE }), {
        ...{ user_id: USER_ID, activities: [anActivity], ...FIRST_PAGE },
      }),
    },
  })

/** What is said of the end of a user's sessions. */
export const endingDetail = (): Detail =>
  refuses(['not_found', 'invalid_query'], {
    tags: ['administration'],
    summary: 'Ends all sessions of a user.',
    description: 'At once here, and within five seconds everywhere. Their API keys stay. It is entered in the audit.',
    parameters: [parameter('UserId')],
    responses: { 204: { description: 'They have ended.', headers: headers(LIMIT_HEADERS) } },
  })

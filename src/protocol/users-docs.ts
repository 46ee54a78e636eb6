import { type Answer, type Detail, headers, parameter, refuses } from './openapi.ts'
import { LIMIT_HEADERS } from './openapi-words.ts'
import type { ProblemCode } from './problem.ts'

const BODY = ['invalid_body', 'malformed_json', 'body_too_large', 'request_stalled', 'client_gone'] as const

type Schema = Readonly<Record<string, unknown>>
const object = (properties: Record<string, Schema>, optional: readonly string[] = []): Schema => {
  const required = Object.keys(properties).filter(name => !optional.includes(name))
  return { type: 'object', ...(required.length > 0 && { required }), properties }
}
const list = (items: Schema): Schema => ({ type: 'array', items })
const orNull = (schema: Schema): Schema => ({ ...schema, nullable: true })
const text = { type: 'string' }
const uuid = { type: 'string', format: 'uuid' }
const moment = { type: 'string', format: 'date-time' }
const boolean = { type: 'boolean' }

const AT = '2026-01-02T12:00:00.000Z'
const LATER = '2026-02-01T12:00:00.000Z'
const USER_ID = '00000000-0000-4000-8000-000000000002'

const user = object({
  id: uuid,
  email: orNull(text),
  name: orNull(text),
  avatar_url: orNull(text),
  created_at: moment,
  updated_at: moment,
})
const aUser = {
  ...{ id: USER_ID, email: 'ada@example.com', name: 'Ada', avatar_url: null },
  ...{ created_at: AT, updated_at: AT },
}
const settings = (needed: boolean, prompt: Schema) => {
  const appearance = { type: 'string', enum: ['Light', 'Dark', 'System'] }
  const properties = { notification: boolean, system_prompt: prompt, web_search: boolean, appearance }
  return object(properties, needed ? ['system_prompt'] : Object.keys(properties))
}
const theSettings = { notification: false, system_prompt: 'Be brief.', web_search: true, appearance: 'System' }
const account = object({ provider: text, linked_at: moment })
const anAccount = { provider: 'google', linked_at: AT }
const act = object({
  ...{ at: moment, kind: { type: 'string', enum: ['signup', 'login', 'conversation'] } },
  ...{ auth_method: orNull(text), about: orNull(text) },
})
const session = object({
  ...{ id: uuid, created_at: moment, expires_at: moment },
  ...{ auth_method: orNull(text), current: boolean },
})
const aSession = {
  ...{ id: '00000000-0000-4000-8000-000000000001', created_at: AT, expires_at: LATER },
  ...{ auth_method: 'google', current: true },
}
const keyMembers = {
  ...{ id: uuid, prefix: text, name: text, created_at: moment },
  ...{ expires_at: orNull(moment), last_used_at: orNull(moment) },
}
const aKey = {
  ...{ id: '00000000-0000-4000-8000-000000000003', prefix: 'sk-sg-0f0f0f', name: 'laptop' },
  ...{ created_at: AT, expires_at: null, last_used_at: null },
}

interface Said {
  summary: string
  codes?: readonly ProblemCode[]
  takes?: { what: string; schema: Schema; example: unknown }
  gives: { status?: number; what: string; schema?: Schema; example?: unknown }
  parameters?: Detail['parameters']
}

function said({ summary, codes = [], takes, gives, parameters }: Said): Detail {
  const { status = 200, what, schema, example } = gives
  const answer: Answer = {
    description: what,
    headers: headers(LIMIT_HEADERS),
    ...(schema && { content: { 'application/json': { schema, example } } }),
  }
  return refuses([...(takes ? BODY : []), ...codes], {
    tags: ['accounts'],
    summary,
    ...(parameters && { parameters }),
    ...(takes && {
      requestBody: {
        description: takes.what,
        required: true,
        content: { 'application/json': { schema: takes.schema, example: takes.example } },
      },
    }),
    responses: { [status]: answer },
  })
}

/** What is said of a user's own profile. */
export const profileDetail = (): Detail =>
  said({
    summary: 'Who is signed in.',
    gives: {
      what: 'The user.',
      schema: object({ user, linked_accounts: list(account) }),
      example: { user: aUser, linked_accounts: [anAccount] },
    },
  })

/** What is said of the end of a user. */
export const deletionDetail = (): Detail =>
  said({
    summary: 'Deletes the user who asks: sessions and keys at once, and then all else that is theirs.',
    takes: {
      what: "The user's e-mail address or id; who has no address gives the id.",
      schema: object({ confirm: text }),
      example: { confirm: aUser.email },
    },
    gives: { status: 204, what: 'The user is gone.' },
  })

/** What is said of an export. */
export const exportDetail = (): Detail => {
  const rows = list({ type: 'object' })
  const whole = {
    ...{ user: aUser, linked_accounts: [anAccount], settings: theSettings },
    ...{ sessions: [aSession], keys: [aKey], rate_limit: [], open_requests: [] },
    ...{
      activity: [{ at: AT, kind: 'signup', auth_method: 'google', about: null }],
      belongings: [],
      usage_hours: [],
      usage: [],
      receipts: [],
    },
  }
  const schema = object({
    ...{ user, linked_accounts: list(account), settings: settings(true, text), sessions: list(session) },
    ...{ keys: list(object(keyMembers)), rate_limit: rows, open_requests: rows, activity: list(act), belongings: rows },
    ...{ usage_hours: rows, usage: rows, receipts: rows },
  })
  return said({ summary: 'All that is kept of the user.', gives: { what: 'All of it.', schema, example: whole } })
}

const SETTINGS = {
  GET: { summary: 'What the user has set.' },
  POST: {
    summary: 'Replaces all that is set.',
    takes: { what: 'All settings; without a prompt there is none.', needed: true },
  },
  PATCH: {
    summary: 'Changes some of what is set.',
    takes: { what: 'What to change; `null` clears the prompt.', needed: false },
  },
} as const

/** What is said of settings, by method. */
export function settingsDetail(method: keyof typeof SETTINGS): Detail {
  const { summary, takes } = { takes: undefined, ...SETTINGS[method] }
  const prompt = orNull({ ...text, description: '65,536 bytes of UTF-8 at most.' })
  return said({
    summary,
    ...(takes && { takes: { what: takes.what, schema: settings(takes.needed, prompt), example: theSettings } }),
    gives: {
      what: 'What is set now.',
      schema: object({ user_id: uuid, settings: settings(true, text) }),
      example: { user_id: USER_ID, settings: theSettings },
    },
  })
}

/** What is said of a user's sessions, by method. */
export const sessionsDetail = (method: 'GET' | 'DELETE'): Detail =>
  method === 'GET'
    ? said({
        summary: "The user's sessions.",
        gives: {
          what: 'Those that have not ended.',
          schema: object({ sessions: list(session) }),
          example: { sessions: [aSession] },
        },
      })
    : said({
        summary: "Ends all of the user's sessions, the one that asks too.",
        gives: { status: 204, what: 'They have ended.' },
      })

/** What is said of one session. */
export const sessionDetail = (): Detail =>
  said({
    summary: "Ends one of the user's sessions.",
    codes: ['not_found'],
    parameters: [parameter('SessionId')],
    gives: { status: 204, what: 'It has ended.' },
  })

/** What is said of a user's keys, by method. */
export function keysDetail(method: 'GET' | 'POST'): Detail {
  if (method === 'GET')
    return said({
      summary: "The user's API keys.",
      gives: {
        what: 'All of them, without what opens anything.',
        schema: object({ keys: list(object(keyMembers)) }),
        example: { keys: [aKey] },
      },
    })
  const days = { type: 'integer', minimum: 1, maximum: 3650 }
  return said({
    summary: 'Makes an API key.',
    codes: ['too_many_keys'],
    takes: {
      what: 'What to call it, and when it ends if it shall.',
      schema: object({ name: text, expires_in_days: days }, ['expires_in_days']),
      example: { name: 'laptop' },
    },
    gives: {
      status: 201,
      what: 'The key. It is told here only.',
      schema: object({ ...keyMembers, key: { type: 'string', pattern: '^sk-sg-[0-9a-f]{40}$' } }),
      example: { ...aKey, key: `sk-sg-${'0f'.repeat(16)}d4f2a1b3` },
    },
  })
}

/** What is said of one key. */
export const keyDetail = (): Detail =>
  said({
    summary: "Revokes one of the user's API keys.",
    codes: ['not_found'],
    parameters: [parameter('KeyId')],
    gives: { status: 204, what: 'It opens nothing any more.' },
  })

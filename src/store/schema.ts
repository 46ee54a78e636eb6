import { primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Ending } from '../protocol/exchange.ts'
import type { Kind } from '../protocol/reference-names.ts'
import { bigint } from './columns.ts'

/** One row per caller whose bucket is not full. */
export const limits = sqliteTable('limits', {
  owner: text().primaryKey(),
  /** GCRA's theoretical arrival time: when the bucket will be full again, in microseconds since the epoch. */
  fullAt: bigint('full_at').notNull(),
  /** Requests given back of late, and when the last one was, in microseconds since the epoch. */
  refunds: bigint().notNull().default(0),
  refundedAt: bigint('refunded_at').notNull().default(0),
})

/** One row per request that a caller may have open, leased to the process that serves it. */
export const slots = sqliteTable(
  'slots',
  {
    owner: text().notNull(),
    /** From 1 to the limit. */
    number: bigint().notNull(),
    process: text().notNull(),
    /** When the slot is free unless its process renews it, in milliseconds since the epoch. */
    expiresAt: bigint('expires_at').notNull(),
  },
  table => [primaryKey({ columns: [table.owner, table.number] })],
)

/** What a request and a sum of requests have in common. */
const tokens = {
  promptTokens: bigint('prompt_tokens').notNull(),
  completionTokens: bigint('completion_tokens').notNull(),
}

/** What a sum of requests says of them. */
const sums = {
  requests: bigint().notNull(),
  ...tokens,
  /** US dollars × 10¹². */
  costPico: bigint('cost_pico').notNull(),
  /** How many of them were what (`protocol/metering`). */
  errors: bigint().notNull(),
  cut: bigint().notNull(),
  responses: bigint().notNull(),
}

/** One row per request that reached an enclave. */
export const ledger = sqliteTable(
  'ledger',
  {
    owner: text().notNull(),
    /** When the request came, in milliseconds since the epoch. */
    at: bigint().notNull(),
    /** Of its receipt too, if it has one. */
    id: text().notNull(),
    backend: text().notNull(),
    /** The route's template. */
    route: text().notNull(),
    /** As the enclave stated it. */
    model: text(),
    ...tokens,
    cachedTokens: bigint('cached_tokens').notNull(),
    /** US dollars as the enclave stated them, a decimal number with twelve decimals. */
    cost: text(),
    status: bigint().notNull(),
    ending: text().$type<Ending>().notNull(),
    bytesUp: bigint('bytes_up').notNull(),
    bytesDown: bigint('bytes_down').notNull(),
    /** 1 where the tokens are an estimate. */
    estimated: bigint().notNull(),
    /** The id of an open answer, by which its signature is asked for. */
    chatId: text('chat_id'),
  },
  table => [primaryKey({ columns: [table.owner, table.at, table.id] })],
)

/** The ledger, summed by caller, hour and model: what a caller used is told without reading every row. */
export const usageHours = sqliteTable(
  'usage_hours',
  {
    owner: text().notNull(),
    /** Whole hours since the epoch. */
    hour: bigint().notNull(),
    /** Empty where none was stated. */
    model: text().notNull(),
    ...sums,
    cachedTokens: bigint('cached_tokens').notNull(),
    /** Requests whose tokens are an estimate. */
    estimated: bigint().notNull(),
  },
  table => [primaryKey({ columns: [table.owner, table.hour, table.model] })],
)

/** The ledger, summed by caller and UTC day: what all callers used is told without reading every hour of each. */
export const usageDays = sqliteTable(
  'usage_days',
  {
    owner: text().notNull(),
    /** Whole days since the epoch. */
    day: bigint().notNull(),
    ...sums,
  },
  table => [primaryKey({ columns: [table.owner, table.day] })],
)

/** What each key in force gives for a fixed text, so that another key is noticed before it does harm. */
export const keyChecks = sqliteTable('key_checks', {
  role: text().primaryKey(),
  value: text().notNull(),
})

/** People who signed in here. What names them is sealed (`store/fields.ts`). */
export const users = sqliteTable('users', {
  /** A UUID; as an owner, `u_` and its digits. */
  id: text().primaryKey(),
  /** Sealed. */
  email: text(),
  /** A keyed hash of the address, its ASCII letters in small, to find it by; none where nobody proved the address. */
  emailHash: text('email_hash').unique(),
  /** Sealed. */
  name: text(),
  /** Sealed. */
  avatarUrl: text('avatar_url'),
  createdAt: bigint('created_at').notNull(),
  updatedAt: bigint('updated_at').notNull(),
  /** When its owner asked for it to be deleted: what is left is on its way out. */
  deletedAt: bigint('deleted_at'),
})

/** What a user has set, as sealed JSON. */
export const userSettings = sqliteTable('user_settings', {
  userId: text('user_id').primaryKey(),
  /** Sealed. */
  content: text().notNull(),
  updatedAt: bigint('updated_at').notNull(),
})

/** Sign-ins that are under way at a provider. */
export const signIns = sqliteTable('sign_ins', {
  /** SHA-256 of the state, hex. */
  stateHash: text('state_hash').primaryKey(),
  /** SHA-256 of what the browser's cookie says, hex. */
  browserHash: text('browser_hash').notNull(),
  provider: text().notNull(),
  /** Sealed JSON: what is needed when the browser comes back. */
  content: text().notNull(),
  /** In milliseconds since the epoch. */
  expiresAt: bigint('expires_at').notNull(),
})

/** Accounts at providers, and whose they are. */
export const linkedAccounts = sqliteTable('linked_accounts', {
  id: text().primaryKey(),
  userId: text('user_id').notNull(),
  provider: text().notNull(),
  /** Sealed JSON: issuer and subject. */
  account: text().notNull(),
  /** A keyed hash of the same, to find it by. */
  accountHash: text('account_hash').notNull().unique(),
  linkedAt: bigint('linked_at').notNull(),
})

/** What owners did, in ids. */
export const activity = sqliteTable(
  'activity',
  {
    owner: text().notNull(),
    /** In milliseconds since the epoch. */
    at: bigint().notNull(),
    id: text().notNull(),
    kind: text().notNull(),
    /** How they signed in, where they did. */
    authMethod: text('auth_method'),
    /** The id of what it was done with. */
    about: text(),
  },
  table => [primaryKey({ columns: [table.owner, table.at, table.id] })],
)

/** Sessions, and those that wait for whoever brings the code. Times in milliseconds since the epoch. */
export const sessions = sqliteTable('sessions', {
  id: text().primaryKey(),
  userId: text('user_id').notNull(),
  /** SHA-256 of the token, hex; of one that waits, the code's hash, which is no token's. */
  tokenHash: text('token_hash').notNull().unique(),
  /** SHA-256, hex, of the code that it was begun by, and its challenge; that it was, a second use of it shows. */
  codeHash: text('code_hash'),
  /** How its user signed in; of the first sessions that is not known. */
  authMethod: text('auth_method'),
  /** Sealed JSON: what was proven at that. */
  proof: text(),
  /** 1 where the sign-in made its user. */
  isFirst: bigint('is_first').notNull().default(0),
  createdAt: bigint('created_at').notNull(),
  renewedAt: bigint('renewed_at').notNull(),
  expiresAt: bigint('expires_at').notNull(),
})

/** Keys that users made for their programs. */
export const apiKeys = sqliteTable('api_keys', {
  id: text().primaryKey(),
  userId: text('user_id').notNull(),
  /** SHA-256 of the key, hex. */
  keyHash: text('key_hash').notNull().unique(),
  /** How it begins, to know it by. */
  prefix: text().notNull(),
  /** Sealed. */
  name: text().notNull(),
  createdAt: bigint('created_at').notNull(),
  expiresAt: bigint('expires_at'),
  /** To the hour. */
  lastUsedAt: bigint('last_used_at'),
})

/** What callers have at a backend: ids and owners, and nothing of what is in it. Times in milliseconds since the epoch. */
export const belongings = sqliteTable(
  'belongings',
  {
    kind: text().$type<Kind>().notNull(),
    /** As the backend spells it: no other spelling is this. */
    id: text().notNull(),
    /** Nobody's where it is null: it is to go at the backend, and then from here. */
    owner: text(),
    createdAt: bigint('created_at').notNull(),
    usedAt: bigint('used_at').notNull(),
    /** When what is nobody's is deleted, and how often that was tried. */
    dueAt: bigint('due_at').notNull().default(0),
    tries: bigint().notNull().default(0),
  },
  table => [primaryKey({ columns: [table.kind, table.id] })],
)

/** What a backend told of files that are among the belongings, to list them by. Times in seconds since the epoch. */
export const files = sqliteTable('files', {
  id: text().primaryKey(),
  owner: text().notNull(),
  bytes: bigint().notNull(),
  createdAt: bigint('created_at').notNull(),
  expiresAt: bigint('expires_at'),
  /** Sealed. */
  filename: text().notNull(),
  /** As a JSON string, for PostgreSQL takes no text with a NUL in it. */
  purpose: text().notNull(),
})

/** What a backend was asked, or is about to be asked, to make, while its id is not known. */
export const makings = sqliteTable('makings', {
  id: text().primaryKey(),
  kind: text().$type<Kind>().notNull(),
  /** The id of what is being cloned. */
  source: text(),
  /** Under which the backend makes a thing once, however often it is asked. */
  idempotencyKey: text('idempotency_key').notNull(),
  /** When it is taken up, unless whoever began it is done by then; in milliseconds since the epoch. */
  dueAt: bigint('due_at').notNull(),
  /** How often it was taken up; 0 while it is still that of whoever began it. */
  tries: bigint().notNull().default(0),
})

/** Secrets that were given to us and have to outlive a restart. */
export const keptSecrets = sqliteTable('kept_secrets', {
  name: text().primaryKey(),
  /** Sealed. */
  value: text().notNull(),
  updatedAt: bigint('updated_at').notNull(),
})

/** What was asked and answered, signed. */
export const receipts = sqliteTable('receipts', {
  /** Begins with its time, so that ids are in that order (`protocol/receipt-id`). */
  id: text().primaryKey(),
  /** Empty where a row of the ledger has the same id, and so says whose it is. */
  owner: text().notNull(),
  /** Sealed: its facts (`protocol/receipt-facts`); in older rows its text; where its key is gone, its signature and its text. */
  content: text().notNull(),
})

/** Keys that can no longer be derived from the root, wrapped under it. */
export const wrappedKeys = sqliteTable('wrapped_keys', {
  role: text().primaryKey(),
  value: text().notNull(),
})

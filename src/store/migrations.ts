/**
 * The schema's history, embedded in the binary. A migration's number is its place here, counted from one; it is never
 * changed once released. DDL both engines understand: TEXT and BIGINT.
 */
export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    'CREATE TABLE limits (owner TEXT PRIMARY KEY NOT NULL, full_at BIGINT NOT NULL)',
    'CREATE TABLE key_checks (role TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)',
  ],
  [
    'ALTER TABLE limits ADD COLUMN refunds BIGINT NOT NULL DEFAULT 0',
    'ALTER TABLE limits ADD COLUMN refunded_at BIGINT NOT NULL DEFAULT 0',
    'CREATE TABLE slots (owner TEXT NOT NULL, number BIGINT NOT NULL, process TEXT NOT NULL, expires_at BIGINT NOT NULL, PRIMARY KEY (owner, number))',
    'CREATE TABLE ledger (owner TEXT NOT NULL, at BIGINT NOT NULL, id TEXT NOT NULL, backend TEXT NOT NULL, route TEXT NOT NULL, model TEXT, prompt_tokens BIGINT NOT NULL, completion_tokens BIGINT NOT NULL, cached_tokens BIGINT NOT NULL, cost TEXT, status BIGINT NOT NULL, ending TEXT NOT NULL, bytes_up BIGINT NOT NULL, bytes_down BIGINT NOT NULL, estimated BIGINT NOT NULL, PRIMARY KEY (owner, at, id))',
    'CREATE TABLE usage_hours (owner TEXT NOT NULL, hour BIGINT NOT NULL, model TEXT NOT NULL, requests BIGINT NOT NULL, prompt_tokens BIGINT NOT NULL, completion_tokens BIGINT NOT NULL, cached_tokens BIGINT NOT NULL, cost_pico BIGINT NOT NULL, estimated BIGINT NOT NULL, PRIMARY KEY (owner, hour, model))',
  ],
  [
    'CREATE TABLE users (id TEXT PRIMARY KEY NOT NULL, email TEXT NOT NULL, email_hash TEXT NOT NULL UNIQUE, name TEXT, avatar_url TEXT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, deleted_at BIGINT)',
    'CREATE INDEX users_deleted ON users (deleted_at) WHERE deleted_at IS NOT NULL',
    'CREATE TABLE user_settings (user_id TEXT PRIMARY KEY NOT NULL, content TEXT NOT NULL, updated_at BIGINT NOT NULL)',
    'CREATE TABLE sessions (id TEXT PRIMARY KEY NOT NULL, user_id TEXT NOT NULL, token_hash TEXT NOT NULL UNIQUE, created_at BIGINT NOT NULL, renewed_at BIGINT NOT NULL, expires_at BIGINT NOT NULL)',
    'CREATE INDEX sessions_of_user ON sessions (user_id)',
    'CREATE INDEX sessions_by_expiry ON sessions (expires_at)',
    'CREATE TABLE api_keys (id TEXT PRIMARY KEY NOT NULL, user_id TEXT NOT NULL, key_hash TEXT NOT NULL UNIQUE, prefix TEXT NOT NULL, name TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT, last_used_at BIGINT)',
    'CREATE INDEX api_keys_of_user ON api_keys (user_id)',
    'CREATE TABLE wrapped_keys (role TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)',
  ],
  [
    // SQLite cannot drop a NOT NULL.
    'ALTER TABLE users RENAME TO users_before',
    'DROP INDEX users_deleted',
    'CREATE TABLE users (id TEXT PRIMARY KEY NOT NULL, email TEXT, email_hash TEXT UNIQUE, name TEXT, avatar_url TEXT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, deleted_at BIGINT)',
    'INSERT INTO users (id, email, email_hash, name, avatar_url, created_at, updated_at, deleted_at) SELECT id, email, email_hash, name, avatar_url, created_at, updated_at, deleted_at FROM users_before',
    'DROP TABLE users_before',
    'CREATE INDEX users_deleted ON users (deleted_at) WHERE deleted_at IS NOT NULL',
    'ALTER TABLE sessions ADD COLUMN code_hash TEXT',
    'ALTER TABLE sessions ADD COLUMN auth_method TEXT',
    'ALTER TABLE sessions ADD COLUMN proof TEXT',
    'ALTER TABLE sessions ADD COLUMN is_first BIGINT NOT NULL DEFAULT 0',
    'CREATE UNIQUE INDEX sessions_by_code ON sessions (code_hash)',
    'CREATE TABLE sign_ins (state_hash TEXT PRIMARY KEY NOT NULL, browser_hash TEXT NOT NULL, provider TEXT NOT NULL, content TEXT NOT NULL, expires_at BIGINT NOT NULL)',
    'CREATE INDEX sign_ins_by_expiry ON sign_ins (expires_at)',
    'CREATE TABLE linked_accounts (id TEXT PRIMARY KEY NOT NULL, user_id TEXT NOT NULL, provider TEXT NOT NULL, account TEXT NOT NULL, account_hash TEXT NOT NULL UNIQUE, linked_at BIGINT NOT NULL)',
    'CREATE INDEX linked_accounts_of_user ON linked_accounts (user_id)',
    'CREATE TABLE activity (owner TEXT NOT NULL, at BIGINT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, auth_method TEXT, PRIMARY KEY (owner, at, id))',
    'CREATE INDEX activity_by_time ON activity (at)',
  ],
  [
    'ALTER TABLE ledger ADD COLUMN chat_id TEXT',
    'CREATE INDEX ledger_by_chat ON ledger (owner, chat_id) WHERE chat_id IS NOT NULL',
    'ALTER TABLE activity ADD COLUMN about TEXT',
    'CREATE TABLE belongings (kind TEXT NOT NULL, id TEXT NOT NULL, owner TEXT, created_at BIGINT NOT NULL, used_at BIGINT NOT NULL, due_at BIGINT NOT NULL DEFAULT 0, tries BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (kind, id))',
    'CREATE INDEX belongings_of_owner ON belongings (owner, kind, used_at, id)',
    'CREATE INDEX belongings_of_nobody ON belongings (due_at) WHERE owner IS NULL',
    'CREATE TABLE makings (id TEXT PRIMARY KEY NOT NULL, kind TEXT NOT NULL, source TEXT, idempotency_key TEXT NOT NULL, due_at BIGINT NOT NULL, tries BIGINT NOT NULL DEFAULT 0)',
    'CREATE INDEX makings_by_time ON makings (due_at)',
    'CREATE TABLE kept_secrets (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, updated_at BIGINT NOT NULL)',
  ],
  [
    'CREATE TABLE files (id TEXT PRIMARY KEY NOT NULL, owner TEXT NOT NULL, bytes BIGINT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT, filename TEXT NOT NULL, purpose TEXT NOT NULL)',
    'CREATE INDEX files_of_owner ON files (owner, created_at, id)',
  ],
  [
    'CREATE TABLE models (id TEXT PRIMARY KEY NOT NULL, spelled TEXT NOT NULL, public BIGINT NOT NULL, system_prompt TEXT, updated_at BIGINT NOT NULL)',
  ],
  [
    'CREATE TABLE receipts (id TEXT PRIMARY KEY NOT NULL, owner TEXT NOT NULL, content TEXT NOT NULL)',
    'CREATE INDEX receipts_of_owner ON receipts (owner, id)',
  ],
  [
    'CREATE TABLE bans (owner TEXT PRIMARY KEY NOT NULL, reason TEXT NOT NULL, banned_by TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT)',
    'CREATE TABLE configs (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, updated_at BIGINT NOT NULL)',
    'CREATE TABLE audit (id TEXT PRIMARY KEY NOT NULL, at BIGINT NOT NULL, admin TEXT NOT NULL, action TEXT NOT NULL, about TEXT, details TEXT)',
  ],
  [
    // The latest 20 of 100,000 users took SQLite 245 ms without it.
    'CREATE INDEX users_by_time ON users (created_at, id) WHERE deleted_at IS NULL',
  ],
  [
    'ALTER TABLE usage_hours ADD COLUMN errors BIGINT NOT NULL DEFAULT 0',
    'ALTER TABLE usage_hours ADD COLUMN cut BIGINT NOT NULL DEFAULT 0',
    'ALTER TABLE usage_hours ADD COLUMN responses BIGINT NOT NULL DEFAULT 0',
    `UPDATE usage_hours SET errors = found.errors, cut = found.cut, responses = found.responses
      FROM (SELECT owner, at / 3600000 AS hour, coalesce(model, '') AS model,
        sum(CASE WHEN status >= 500 OR ending = 'failed' THEN 1 ELSE 0 END) AS errors,
        sum(CASE WHEN ending = 'cancelled' THEN 1 ELSE 0 END) AS cut,
        sum(CASE WHEN status < 400 AND route IN ('/v1/chat/completions', '/v1/responses', '/v1/completions', '/v1/embeddings')
          THEN 1 ELSE 0 END) AS responses
        FROM ledger GROUP BY 1, 2, 3) AS found
      WHERE usage_hours.owner = found.owner AND usage_hours.hour = found.hour AND usage_hours.model = found.model`,
    'CREATE INDEX usage_hours_by_hour ON usage_hours (hour, owner)',
    'CREATE TABLE usage_days (owner TEXT NOT NULL, day BIGINT NOT NULL, requests BIGINT NOT NULL, prompt_tokens BIGINT NOT NULL, completion_tokens BIGINT NOT NULL, cost_pico BIGINT NOT NULL, errors BIGINT NOT NULL, cut BIGINT NOT NULL, responses BIGINT NOT NULL, PRIMARY KEY (owner, day))',
    `INSERT INTO usage_days (owner, day, requests, prompt_tokens, completion_tokens, cost_pico, errors, cut, responses)
      SELECT owner, hour / 24, sum(requests), sum(prompt_tokens), sum(completion_tokens), sum(cost_pico), sum(errors),
        sum(cut), sum(responses) FROM usage_hours GROUP BY 1, 2 ORDER BY 2, 1`,
    'CREATE INDEX usage_days_by_day ON usage_days (day, owner)',
  ],
  [
    // A receipt is found by its request's row of the ledger: an entry here too cost each a page of SQLite's.
    'DROP INDEX receipts_of_owner',
    "CREATE INDEX receipts_of_owner ON receipts (owner, id) WHERE owner <> ''",
  ],
]

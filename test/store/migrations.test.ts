import { describe, expect, test } from 'bun:test'
import { MIGRATIONS } from '../../src/store/migrations.ts'
import { openDatabase } from '../../src/store/open.ts'
import { type Engine, engines } from '../kit/engines.ts'
import { faultOf } from '../kit/opening.ts'

/** A database as it was left by a program that knew so many migrations. */
async function databaseOf(version: number, { fresh, run }: Engine): Promise<string> {
  const url = await fresh()
  await run(url, 'CREATE TABLE migrations (number BIGINT PRIMARY KEY NOT NULL)')
  for (const [index, statements] of MIGRATIONS.slice(0, version).entries())
    for (const statement of [...statements, `INSERT INTO migrations (number) VALUES (${index + 1})`])
      await run(url, statement)
  return url
}

async function migrate(url: string): Promise<void> {
  const store = await openDatabase(url)
  await store.migrate()
  await store.close()
}

const ROWS = {
  users: [
    {
      id: 'ada',
      email: 'a',
      email_hash: 'ha',
      name: 'n',
      avatar_url: 'u',
      created_at: 1,
      updated_at: 2,
      deleted_at: null,
    },
    {
      id: 'eve',
      email: 'e',
      email_hash: 'he',
      name: null,
      avatar_url: null,
      created_at: 3,
      updated_at: 4,
      deleted_at: 5,
    },
  ],
  user_settings: [{ user_id: 'ada', content: 'c', updated_at: 6 }],
  sessions: [
    { id: 's1', user_id: 'ada', token_hash: 't1', created_at: 7, renewed_at: 8, expires_at: 2 ** 42 },
    { id: 's2', user_id: 'ada', token_hash: 't2', created_at: 7, renewed_at: 8, expires_at: 9 },
  ],
  api_keys: [
    {
      id: 'k',
      user_id: 'ada',
      key_hash: 'h',
      prefix: 'p',
      name: 'n',
      created_at: 1,
      expires_at: null,
      last_used_at: 2,
    },
  ],
}

describe.each(engines)('a database on $name', engine => {
  const { run } = engine

  test('from before sign-in at providers keeps every row, and may hold people without an address', async () => {
    const url = await databaseOf(3, engine)
    for (const [table, rows] of Object.entries(ROWS))
      for (const row of rows) {
        const values = Object.values(row).map(value => (typeof value === 'string' ? `'${value}'` : String(value)))
        await run(url, `INSERT INTO ${table} (${Object.keys(row).join()}) VALUES (${values.join()})`)
      }
    await migrate(url)
    for (const [table, rows] of Object.entries(ROWS))
      expect(await run(url, `SELECT * FROM ${table} ORDER BY 1`)).toMatchObject(rows)
    const [session] = await run(url, 'SELECT code_hash, auth_method, proof, is_first FROM sessions')
    expect(session).toEqual({ code_hash: null, auth_method: null, proof: null, is_first: 0 })
    const insert = (id: string, hash: string) =>
      run(url, `INSERT INTO users (id, email_hash, created_at, updated_at) VALUES ('${id}', ${hash}, 1, 1)`)
    for (const id of ['bob', 'carol']) await insert(id, 'NULL')
    expect(await faultOf(insert('mallory', "'ha'"))).toBeInstanceOf(Error)
    expect(await run(url, 'SELECT id FROM users ORDER BY id')).toHaveLength(4)
  })

  test('from before receipts keeps every row', async () => {
    const url = await databaseOf(7, engine)
    const row = { id: 'a', spelled: 'A', public: 1, system_prompt: 'p', updated_at: 2 }
    await run(url, "INSERT INTO models VALUES ('a', 'A', 1, 'p', 2)")
    await migrate(url)
    expect(await run(url, 'SELECT * FROM models')).toEqual([row])
    expect(await run(url, 'SELECT * FROM receipts')).toEqual([])
  })

  test('from before receipts were found by the ledger finds those of then by their owners', async () => {
    const url = await databaseOf(11, engine)
    await run(url, "INSERT INTO receipts VALUES ('rcpt_1', 'ada', 'sealed')")
    await migrate(url)
    const plan = engine.name === 'SQLite' ? 'EXPLAIN QUERY PLAN' : 'SET enable_seqscan = off; EXPLAIN'
    const theirs = "SELECT id FROM receipts WHERE owner = 'ada' AND owner <> '' ORDER BY id"
    expect(await run(url, theirs)).toEqual([{ id: 'rcpt_1' }])
    expect(JSON.stringify(await run(url, `${plan} ${theirs}`))).toContain('receipts_of_owner')
  })

  test('from before analytics is summed anew from its ledger', async () => {
    const url = await databaseOf(10, engine)
    const hour = 490_000
    const rows = [
      ['ada', 0, 'm', 200, 'complete', '/v1/chat/completions'],
      ['ada', 1, 'm', 399, 'cancelled', '/v1/responses'],
      ['ada', 2, 'm', 504, 'failed', '/v1/completions'],
      ['ada', 3, null, 200, 'failed', '/v1/models'],
      ['ada', 3_600_000, 'm', 400, 'complete', '/v1/embeddings'],
      ['eve', 3_599_999, 'm', 200, 'complete', '/v1/embeddings'],
    ] as const
    const text = (it: string | null) => (it === null ? 'NULL' : `'${it}'`)
    for (const [owner, after, model, status, ending, route] of rows)
      await run(
        url,
        `INSERT INTO ledger (owner, at, id, backend, route, model, prompt_tokens, completion_tokens, cached_tokens, cost,
         status, ending, bytes_up, bytes_down, estimated) VALUES ('${owner}', ${hour * 3_600_000 + after}, 'i${after}',
         'tinfoil', '${route}', ${text(model)}, 3, 4, 0, NULL, ${status}, '${ending}', 1, 1, 0)`,
      )
    for (const [owner, at, model, requests] of [
      ['ada', hour, 'm', 3],
      ['ada', hour, '', 1],
      ['ada', hour + 1, 'm', 1],
      ['eve', hour, 'm', 1],
    ] as const)
      await run(
        url,
        `INSERT INTO usage_hours (owner, hour, model, requests, prompt_tokens, completion_tokens, cached_tokens,
         cost_pico, estimated) VALUES ('${owner}', ${at}, '${model}', ${requests}, ${requests * 3}, ${requests * 4}, 0, ${requests}, 0)`,
      )
    await migrate(url)
    const hours = 'SELECT owner, hour, model, errors, cut, responses FROM usage_hours ORDER BY owner, hour, model'
    expect(await run(url, hours)).toEqual([
      { owner: 'ada', hour, model: '', errors: 1, cut: 0, responses: 0 },
      { owner: 'ada', hour, model: 'm', errors: 1, cut: 1, responses: 2 },
      { owner: 'ada', hour: hour + 1, model: 'm', errors: 0, cut: 0, responses: 0 },
      { owner: 'eve', hour, model: 'm', errors: 0, cut: 0, responses: 1 },
    ])
    const day = Math.floor(hour / 24)
    expect(await run(url, 'SELECT * FROM usage_days ORDER BY owner')).toEqual([
      {
        ...{ owner: 'ada', day, requests: 5, prompt_tokens: 15, completion_tokens: 20, cost_pico: 5 },
        ...{ errors: 2, cut: 1, responses: 2 },
      },
      {
        ...{ owner: 'eve', day, requests: 1, prompt_tokens: 3, completion_tokens: 4, cost_pico: 1 },
        ...{ errors: 0, cut: 0, responses: 1 },
      },
    ])
  })
})

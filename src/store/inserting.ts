import { fillPlaceholders } from 'drizzle-orm'
import type { Write } from './store.ts'

/** A statement as a connection is asked for it. */
interface Asked {
  readonly text: string
  readonly params: unknown[]
}

// As Drizzle spells it, all values of a row given.
const INSERT = /^insert into ("\w+") \(([^()]+)\) values \(\$\d+(?:, \$\d+)*\)((?: on conflict .*)?)$/

/**
 * What PostgreSQL is asked for writes. Rows of one insert that follow each other are one statement, whose one parameter is
 * their JSON, read as rows of the table: of whatever number and with whichever nulls it has one text, prepared once.
 */
export function asked(writes: readonly Write[]): Asked[] {
  const all: Asked[] = []
  for (let at = 0, end = 0; at < writes.length; at = end) {
    while (end < writes.length && writes[end]?.statement === writes[at]?.statement) end++
    all.push(...askedFor(writes.slice(at, end)))
  }
  return all
}

function askedFor(alike: readonly Write[]): Asked[] {
  const [{ statement }] = alike as [Write]
  const { sql, params } = statement.getQuery()
  const rows = alike.map(({ values }) => fillPlaceholders(params, values))
  const [, table, list = '', rest = ''] = (rows.length > 1 && INSERT.exec(sql)) || []
  const names = list.split(', ').map(name => name.slice(1, -1))
  if (table === undefined || names.length !== params.length) return rows.map(params => ({ text: sql, params }))
  const from = `json_populate_recordset(CAST(NULL AS ${table}), CAST(CAST($1 AS TEXT) AS JSON))`
  const json = rows.map(row => Object.fromEntries(names.map((name, at) => [name, inJson(row[at])])))
  return [{ text: `insert into ${table} (${list}) select ${list} from ${from}${rest}`, params: [JSON.stringify(json)] }]
}

/** As the driver would send it: JSON has no whole numbers beyond 2^53, and PostgreSQL's no half of a character. */
function inJson(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed()
  return typeof value === 'bigint' ? String(value) : value
}

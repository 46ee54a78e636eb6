import type { Query } from 'drizzle-orm'

interface Statement {
  execute(values?: Record<string, unknown>): unknown
  getQuery(): Query
}

/**
 * Statements that are built and prepared together when the first of them is used: for what few requests need. All that
 * are told so would take a start 5 MB, and a third of its CPU time.
 */
export function late<T extends Readonly<Record<string, Statement>>>(prepare: () => T): T {
  let prepared: T | undefined
  const statement = (name: string) => {
    prepared ??= prepare()
    return prepared[name] as Statement
  }
  const promised = (name: string): Statement => ({
    execute: values => statement(name).execute(values),
    getQuery: () => statement(name).getQuery(),
  })
  return new Proxy({} as T, { get: (_, name: string) => promised(name) })
}

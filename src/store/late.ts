import type { Query } from 'drizzle-orm'

interface Statement {
  execute(values?: Record<string, unknown>): unknown
  getQuery(): Query
}

/**
 * Statements that are built and prepared together when the first of them is used: by a start all of them would take half
 * of its CPU time, and 8 MB.
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

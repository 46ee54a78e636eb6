import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { type Config, type Key, rows } from '../settings.ts'
import { databaseTlsOf } from './database.ts'

/**
 * The settings that change what a caller is promised, by name; one that is not given is `null`, and one that names a file
 * or a folder is the digest of what is in it. And where TLS ends, whether the database is reached by it, and whether a
 * proxy is on the way out, which learns whom we ask.
 */
export function attestedOf(
  config: Config,
  contents: Readonly<Partial<Record<Key, string | undefined>>>,
): Readonly<Record<string, unknown>> {
  const stated = rows.filter(([, { attested }]) => attested !== false)
  const given = stated.map(([key, { attested }]) => {
    const value: unknown = (attested === 'content' ? contents : config)[key] ?? null
    return [key, attested === 'digest' && value !== null ? digestOf(canonicalize(value) ?? '') : shown(value)]
  })
  // A key in a file is known to whoever wrote that, and the setting TLS is off beside it.
  const tls = config.TLS_CERT_FILE === undefined ? config.TLS : 'files'
  const proxied = config.UPSTREAM_PROXY !== undefined
  return { ...Object.fromEntries(given), tls, proxied, DATABASE_TLS: databaseTlsOf(config) ?? null }
}

/** The query of an address may hold a token of the operator's: that it is another one shows all the same. */
function shown(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/\?.*$/s, query => `?${digestOf(query)}`) : value
}

const digestOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`

import { methodNotAllowed } from '../../gate/problems.ts'
import { byteRangeOf } from '../../protocol/byte-range.ts'
import { codingFor } from '../../protocol/codings.ts'
import type { Exchange, Route } from '../../protocol/exchange.ts'
import { Problem } from '../../protocol/problem.ts'
import type { Site, SiteFile } from './site.ts'

/** What the gateway's own routes begin with: below it a front end has neither files nor pages. */
const OURS = new Set(['v1', 'health', 'readyz', 'docs', 'api', 'api-docs', 'attestation'])
// `/models/gpt-4.1` is a page.
const ASSET = /\.[a-z][a-z\d]*$/i
const METHODS = ['GET', 'HEAD']

interface Deps {
  readonly site: Site
  /** Headers of every answer. */
  readonly headers: Readonly<Record<string, string>>
}

/**
 * A file of a front end at its path, and its `index.html` at whatever else may be one of its pages; `undefined` at the
 * gateway's own paths, and where only a file or a hidden one could be meant. A path is looked up by its decoded spelling
 * among the names that were there at the start, and leads nowhere else.
 * @throws Problem `method_not_allowed` or `range_not_satisfiable`.
 */
export function serving({ site, headers }: Deps): (request: Request, exchange: Exchange) => Response | undefined {
  return (request, exchange) => {
    const path = decoded(exchange.target.path)
    if (path === undefined || isShut(path)) return undefined
    const file = site.files.get(path) ?? (ASSET.test(path) ? undefined : site.index)
    if (!file) return undefined
    exchange.route ??= '/*' as Route
    if (!METHODS.includes(request.method)) throw methodNotAllowed(request.method, METHODS)
    return answer(file, request, exchange, headers)
  }
}

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}

function isShut(path: string): boolean {
  const [, first = '', ...rest] = path.split('/')
  return OURS.has(first.toLowerCase()) || [first, ...rest].some(segment => segment.startsWith('.'))
}

function answer(
  file: SiteFile,
  { method, headers: asked }: Request,
  exchange: Exchange,
  common: Deps['headers'],
): Response {
  const coding = codingFor(asked.get('accept-encoding'), file.codings)
  const { body, etag } = file.variants[coding] ?? file.variants.identity
  const headers = { ...common, 'cache-control': file.caching, etag }
  if (file.codings.length > 1) {
    const { vary } = exchange.headers
    exchange.headers['vary'] = vary === undefined ? 'Accept-Encoding' : `${vary}, Accept-Encoding`
  }
  const known = asked.get('if-none-match')
  if (known !== null && isAmong(etag, known)) return new Response(null, { status: 304, headers })

  const described = {
    ...headers,
    'content-type': file.type,
    'accept-ranges': 'bytes',
    ...(coding !== 'identity' && { 'content-encoding': coding }),
  }
  const range = method === 'GET' && [null, etag].includes(asked.get('if-range')) ? asked.get('range') : null
  const part = range === null ? undefined : byteRangeOf(range, body.size)
  if (part === undefined) return new Response(body, { headers: described })
  if (part === 'unsatisfiable')
    throw new Problem('range_not_satisfiable', `No such range: the file has ${body.size} bytes.`, {
      headers: { 'content-range': `bytes */${body.size}` },
    })
  return new Response(body.slice(part.first, part.last + 1), {
    status: 206,
    headers: { ...described, 'content-range': `bytes ${part.first}-${part.last}/${body.size}` },
  })
}

/** By the weak comparison (RFC 9110 section 13.1.2). */
function isAmong(etag: string, list: string): boolean {
  return list.trim() === '*' || list.matchAll(/"[^"]*"/g).some(([known]) => known === etag)
}

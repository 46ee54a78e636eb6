import { Problem } from '../protocol/problem.ts'

const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/
const URL_PARTS = /^https?:\/\/[^/?#]+(\/[^?#]*)(\?[^#]*)?$/
const LENGTH = /^\d+$/
// RFC 3986 section 3.3 path characters, less ";", and no escape but of what a segment cannot hold otherwise.
const PATH = /^(?:\/(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%(?!2[eEfF]|5[cC]|00|25)[0-9A-Fa-f]{2})*)+$/

/**
 * Path and query of a request, refused unless every reader on the way would read them alike: two hosts, an odd host,
 * a target without one, two lengths, `//`, escaped slashes and dots, double escapes.
 * @throws Problem `malformed_host`, `malformed_length` or `malformed_target`.
 */
export function readTarget(request: Request): { path: string; query: string } {
  const host = request.headers.get('host')
  if (host !== null && !HOST.test(host))
    throw new Problem('malformed_host', 'Malformed Host header: exactly one host name is expected.')
  // Bun takes equal lengths and joins them; upstream a list of them may mean anything (RFC 9112 section 6.3).
  const length = request.headers.get('content-length')
  if (length !== null && !LENGTH.test(length))
    throw new Problem('malformed_length', 'Malformed Content-Length header: exactly one length is expected.', {
      headers: { connection: 'close' },
    })
  const parts = URL_PARTS.exec(request.url)
  const path = parts?.[1]
  if (path === undefined || !PATH.test(path) || path.includes('//'))
    throw new Problem('malformed_target', 'Malformed request target: write the path plainly, as documented.')
  return { path, query: parts?.[2] ?? '' }
}

import type { Outgoing } from './transport.ts'

const NAME = /^[!#$%&'*+.^_`|~\dA-Za-z-]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const TARGET = /^\/[\x21-\x7e]*$/
/** Methods whose requests are thought to have a body: they say so where they have none (RFC 9110 section 8.6). */
const BODIED = new Set(['POST', 'PUT', 'PATCH'])

/**
 * A request's head as it goes on the wire; the body is in chunks where the headers tell no length. `last`: the
 * connection is for this one alone. @throws Error for what would be more than one header, or none
 */
export function requestHead({ origin, method, path, headers, body }: Outgoing, last: boolean): string {
  if (!(NAME.test(method) && TARGET.test(path))) throw new Error('a request line that is none')
  let head = `${method} ${path} HTTP/1.1\r\nHost: ${origin.host}\r\n`
  let hasLength = false
  for (const name in headers) {
    const value = headers[name] as string
    if (!(NAME.test(name) && VALUE.test(value))) throw new Error(`a header that is none: ${JSON.stringify(name)}`)
    head += `${name}: ${value}\r\n`
    hasLength ||= name.toLowerCase() === 'content-length'
  }
  if (!hasLength && body) head += 'transfer-encoding: chunked\r\n'
  else if (!hasLength && BODIED.has(method)) head += 'content-length: 0\r\n'
  return `${head}${last ? 'connection: close\r\n' : ''}\r\n`
}

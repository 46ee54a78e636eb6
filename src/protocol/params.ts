import type { Exchange } from './exchange.ts'

/**
 * The segment of a request's path that stands where its route says `:name`, exactly as the client wrote it: an escape in it
 * is not undone, so that an id has one spelling.
 */
export function paramOf({ route, target }: Pick<Exchange, 'route' | 'target'>, name: string): string {
  const at = route?.split('/').indexOf(`:${name}`) ?? -1
  const segment = at < 0 ? undefined : target.path.split('/')[at]
  if (segment === undefined) throw new TypeError('the route has no such segment')
  return segment
}

/** A route as the router lists it. */
export interface Route {
  readonly method: string
  readonly path: string
}

/** The methods that routes take at a path, `HEAD` wherever `GET` is; empty where there is no such path. */
export function methodsAt(path: string, routes: readonly Route[]): readonly string[] {
  const methods = new Set(routes.filter(route => matches(route.path, path)).map(route => route.method))
  if (methods.has('GET')) methods.add('HEAD')
  return [...methods].sort()
}

function matches(template: string, path: string): boolean {
  if (template.endsWith('/*')) return path.startsWith(template.slice(0, -1)) && path.length >= template.length
  const wanted = template.split('/')
  const given = path.split('/')
  return (
    wanted.length === given.length &&
    wanted.every((part, i) => part === given[i] || (part.startsWith(':') && given[i] !== ''))
  )
}

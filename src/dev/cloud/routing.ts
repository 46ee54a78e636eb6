import type { Routes, Serve } from './call.ts'

/** Where a request belongs. */
interface Found {
  /** Method and template. */
  readonly route: string
  readonly serve: Serve
  readonly params: Readonly<Record<string, string>>
}

interface Known {
  readonly route: string
  readonly serve: Serve
  readonly method: string
  readonly segments: readonly string[]
}

const PREFIX = '/v1/'

/** Finds routes by their templates; of two that fit, the one that stands first. */
export function routing(routes: Routes): (method: string, path: string) => Found | undefined {
  const table = Object.entries(routes).map(([route, serve]): Known => {
    const [method = '', template = ''] = route.split(' ')
    return { route, serve, method, segments: template.split('/') }
  })
  return (method, path) => {
    const segments = path.startsWith(PREFIX) ? decoded(path.slice(PREFIX.length)) : undefined
    if (!segments) return undefined
    for (const known of table) {
      const params = known.method === method ? fitting(known.segments, segments) : undefined
      if (params) return { route: known.route, serve: known.serve, params }
    }
    return undefined
  }
}

/** Decoded when it is split already, as cloud-api does it: an escaped slash stays in its segment. */
function decoded(path: string): string[] | undefined {
  try {
    return path.split('/').map(decodeURIComponent)
  } catch {
    return undefined
  }
}

/** `{name}` fits one segment, `{name…}` all that follow. */
function fitting(template: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  const params: Record<string, string> = {}
  for (const [index, expected] of template.entries()) {
    const [, name, rest] = /^\{(\w+)(…?)\}$/.exec(expected) ?? []
    const found = rest ? segments.slice(index).join('/') : segments[index]
    if (!found || (name === undefined && found !== expected)) return undefined
    if (name !== undefined) params[name] = found
    if (rest) return params
  }
  return template.length === segments.length ? params : undefined
}

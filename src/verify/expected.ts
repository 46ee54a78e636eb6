import { isDeepStrictEqual } from 'node:util'
import { type Check, check, sure } from './check.ts'

/** Whether a stated object has what is expected of it: all of it, or as much of it as is given. */
export function expectedCheck(what: string, stated: () => unknown, expected: unknown): Check {
  return check(`expected ${what}`, () => {
    const differing = differences(stated(), expected, what)
    sure(differing.length === 0, `other than expected: ${differing.join(', ')}`)
    return 'as you expect'
  })
}

/** The paths at which an object differs from one that says a part of it; lists are compared as wholes. */
function differences(stated: unknown, expected: unknown, path: string): readonly string[] {
  if (!isObject(expected)) return isDeepStrictEqual(stated, expected) ? [] : [path]
  if (!isObject(stated)) return [path]
  return Object.entries(expected).flatMap(([name, value]) => {
    const has = Object.hasOwn(stated, name)
    return has ? differences(stated[name], value, `${path}.${name}`) : [`${path}.${name}`]
  })
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

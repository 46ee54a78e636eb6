import { Elysia } from 'elysia'
import { Problem } from '../protocol/problem.ts'

interface Deps {
  version: string
  backends: readonly string[]
  /** What a request needs, by the name an operator knows, and whether it is there. */
  needs: Readonly<Record<string, () => Promise<boolean> | boolean>>
}

/** Whether the process lives, and whether it can serve. */
export const health = ({ version, backends, needs }: Deps) =>
  new Elysia({ name: 'health' })
    .get('/health', () => Response.json({ status: 'ok', version, backends }))
    .get('/readyz', async () => {
      const checks = Object.entries(needs).map(async ([name, check]) => ((await check()) ? [] : [name]))
      const missing = (await Promise.all(checks)).flat()
      if (missing.length > 0) throw new Problem('not_ready', `Not ready: ${missing.join(' and ')} missing.`)
      return Response.json({ status: 'ready' })
    })

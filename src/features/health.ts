import { Elysia } from 'elysia'
import { described, refuses } from '../protocol/openapi.ts'
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
    .get('/health', () => Response.json({ status: 'ok', version, backends }), {
      detail: described(() => livesDetail()),
    })
    .get(
      '/readyz',
      async () => {
        const checks = Object.entries(needs).map(async ([name, check]) => ((await check()) ? [] : [name]))
        const missing = (await Promise.all(checks)).flat()
        if (missing.length > 0) throw new Problem('not_ready', `Not ready: ${missing.join(' and ')} missing.`)
        return Response.json({ status: 'ready' })
      },
      { detail: described(() => readyDetail()) },
    )

function livesDetail() {
  const properties = {
    status: { type: 'string', enum: ['ok'] },
    version: { type: 'string' },
    backends: { type: 'array', items: { type: 'string' } },
  }
  return refuses([], {
    tags: ['operation'],
    summary: 'Whether the process lives.',
    responses: {
      200: {
        description: 'It lives.',
        content: {
          'application/json': {
            schema: { type: 'object', required: Object.keys(properties), properties },
            example: { status: 'ok', version: '1.0.0', backends: ['tinfoil'] },
          },
        },
      },
    },
  })
}

function readyDetail() {
  const properties = { status: { type: 'string', enum: ['ready'] } }
  return refuses(['not_ready'], {
    tags: ['operation'],
    summary: 'Whether requests can be served: the database answers, and the signing keys are there, if JWTs are taken.',
    responses: {
      200: {
        description: 'They can.',
        content: {
          'application/json': {
            schema: { type: 'object', required: ['status'], properties },
            example: { status: 'ready' },
          },
        },
      },
    },
  })
}

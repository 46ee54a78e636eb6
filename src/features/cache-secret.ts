import { Elysia } from 'elysia'
import type { access } from '../gate/access.ts'
import type { limited } from '../gate/limited.ts'
import { CACHE_SECRET, cacheSecretOf } from '../protocol/cache-secret.ts'
import type { Exchange } from '../protocol/exchange.ts'
import { cacheSecretDetail } from '../protocol/inference-docs.ts'
import { described } from '../protocol/openapi.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  /** The key of the role `cache`. */
  cacheKey: Uint8Array
}

/** Each caller's own cache secret, for those who seal: what is sealed, only they can put it into. */
export const cacheSecret = ({ access, limited, cacheKey }: Deps) =>
  new Elysia({ name: 'cache-secret' })
    .use(access)
    .use(limited)
    .get('/v1/cache-secret', ({ exchange }) => told(exchange, cacheKey), {
      access: 'inference',
      limited: 'caller',
      detail: described(() => cacheSecretDetail()),
    })

function told({ principal }: Exchange, cacheKey: Uint8Array): Response {
  const secret = cacheSecretOf(cacheKey, principal?.owner ?? '')
  return Response.json({ [CACHE_SECRET]: secret }, { headers: { 'cache-control': 'no-store' } })
}

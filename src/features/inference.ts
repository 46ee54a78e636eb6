import { Elysia } from 'elysia'
import type { access } from '../gate/access.ts'
import type { limited } from '../gate/limited.ts'
import type { receipted } from '../gate/receipted.ts'
import { forwardedDetail } from '../protocol/inference-docs.ts'
import { described } from '../protocol/openapi.ts'
import { INFERENCE } from '../protocol/routes.ts'
import type { Forward } from '../upstream/forward.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  receipted: ReturnType<typeof receipted>
  forward: Forward
}

/** The inference routes. */
export const inference = ({ access, limited, receipted, forward }: Deps) => {
  const rooms = new Elysia({ name: 'inference' }).use(access).use(limited).use(receipted)
  // HEAD has a row of its own: Elysia would answer it by reading a GET's answer to its end.
  for (const route of INFERENCE)
    rooms.route(route.method, route.path, ({ request, exchange }) => forward(request, exchange), {
      access: 'inference',
      limited: 'caller',
      receipted: true,
      parse: 'none',
      detail: described(() => forwardedDetail(route)),
    })
  return rooms
}

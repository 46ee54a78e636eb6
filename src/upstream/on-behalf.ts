import type { Exchange } from '../protocol/exchange.ts'
import type { Backend } from './backends.ts'
import { isUnsent } from './call.ts'
import type { Cooldown } from './cooldown.ts'
import type { Asked, Errand } from './errand.ts'

/** Errands that a client's request is about: its exchange tells of them, and a client that leaves does not break them off. */
export interface OnBehalf {
  /** Before anything is done. @throws Problem `upstream_overloaded` while the backend cools down */
  begin(exchange: Exchange): void
  /** @throws Problem as {@link Errand} */
  ask(exchange: Exchange, asked: Asked): Promise<Response>
}

interface Deps {
  backend: Backend
  cooldown: Cooldown
  ask: Errand
}

/** Such errands to one backend. */
export function onBehalf({ backend, cooldown, ask }: Deps): OnBehalf {
  const { origin } = backend.base
  return {
    begin: exchange => {
      exchange.hold()
      exchange.backend = backend.name
      exchange.host = backend.base.host
      cooldown.check(origin)
    },
    ask: async (exchange, { headers, ...asked }) => {
      try {
        const answer = await ask({
          ...asked,
          headers: { ...headers, 'x-request-id': exchange.id },
        })
        exchange.reached = true
        cooldown.heed(origin, { statusCode: answer.status, headers: Object.fromEntries(answer.headers) })
        return answer
      } catch (error) {
        exchange.reached = !isUnsent(error)
        throw error
      }
    },
  }
}

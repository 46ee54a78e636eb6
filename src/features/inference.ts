import { Elysia } from 'elysia'
import type { access } from '../gate/access.ts'
import type { limited } from '../gate/limited.ts'
import type { Forward } from '../upstream/forward.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  forward: Forward
  /** The enclave's HPKE key configuration. */
  hpkeKeys: () => Promise<Uint8Array>
}

/** The inference routes: what a signed-in user may ask of the models. */
export const inference = ({ access, limited, forward, hpkeKeys }: Deps) =>
  new Elysia({ name: 'inference' })
    .use(access)
    .use(limited)
    .get('/v1/models', ({ request, exchange }) => forward(request, exchange), { access: 'inference', limited: true })
    // Elysia would answer HEAD by reading a GET's answer to its end.
    .head('/v1/models', ({ request, exchange }) => forward(request, exchange), { access: 'inference', limited: true })
    .post('/v1/chat/completions', ({ request, exchange }) => forward(request, exchange), {
      access: 'inference',
      limited: true,
      parse: 'none',
    })
    // Clients compare this media type by string equality, and so it stands alone.
    .get('/.well-known/hpke-keys', async () => {
      const headers = { 'content-type': 'application/ohttp-keys', 'cache-control': 'no-store' }
      return new Response(new Uint8Array(await hpkeKeys()), { headers })
    })

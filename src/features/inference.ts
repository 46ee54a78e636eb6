import { Elysia } from 'elysia'
import type { access } from '../gate/access.ts'
import type { limited } from '../gate/limited.ts'
import { KEYS_MEDIA_TYPE, KEYS_PATH } from '../protocol/ehbp.ts'
import { attestationDetail, forwardedDetail, hpkeKeysDetail } from '../protocol/inference-docs.ts'
import { INFERENCE } from '../protocol/routes.ts'
import type { Forward } from '../upstream/forward.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  forward: Forward
  /** The enclave's HPKE key configuration. */
  hpkeKeys: () => Promise<Uint8Array>
  /** The enclave's attestation bundle. */
  bundle: () => Promise<Uint8Array>
}

/** The inference routes, and the public ones that a client asks before it seals. */
export const inference = ({ access, limited, forward, hpkeKeys, bundle }: Deps) => {
  const rooms = new Elysia({ name: 'inference' })
    .use(access)
    .use(limited)
    // Clients compare this media type by string equality, and so it stands alone.
    .get(KEYS_PATH, async () => relayed(await hpkeKeys(), KEYS_MEDIA_TYPE), { detail: hpkeKeysDetail() })
    .get('/attestation', async () => relayed(await bundle(), 'application/json'), {
      limited: 'address',
      detail: attestationDetail(),
    })
  // HEAD has a row of its own: Elysia would answer it by reading a GET's answer to its end.
  for (const route of INFERENCE)
    rooms.route(route.method, route.path, ({ request, exchange }) => forward(request, exchange), {
      access: 'inference',
      limited: 'caller',
      parse: 'none',
      detail: forwardedDetail(route),
    })
  return rooms
}

function relayed(bytes: Uint8Array, mediaType: string): Response {
  return new Response(new Uint8Array(bytes), { headers: { 'content-type': mediaType, 'cache-control': 'no-store' } })
}

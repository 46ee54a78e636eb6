import { Elysia } from 'elysia'
import type { limited } from '../gate/limited.ts'
import { KEYS_MEDIA_TYPE, KEYS_PATH } from '../protocol/ehbp.ts'
import { attestationDetail, hpkeKeysDetail } from '../protocol/inference-docs.ts'
import { described } from '../protocol/openapi.ts'

interface Deps {
  limited: ReturnType<typeof limited>
  /** The enclave's HPKE key configuration. */
  hpkeKeys: () => Promise<Uint8Array>
  /** The enclave's attestation bundle. */
  bundle: () => Promise<Uint8Array>
}

/** What a client asks of the enclave, through us, before it seals. */
export const enclave = ({ limited, hpkeKeys, bundle }: Deps) =>
  new Elysia({ name: 'enclave' })
    .use(limited)
    // Clients compare this media type by string equality, and so it stands alone.
    .get(KEYS_PATH, async () => relayed(await hpkeKeys(), KEYS_MEDIA_TYPE), {
      detail: described(() => hpkeKeysDetail()),
    })
    .get('/attestation', async () => relayed(await bundle(), 'application/json'), {
      limited: 'address',
      detail: described(() => attestationDetail()),
    })

function relayed(bytes: Uint8Array, mediaType: string): Response {
  return new Response(new Uint8Array(bytes), { headers: { 'content-type': mediaType, 'cache-control': 'no-store' } })
}

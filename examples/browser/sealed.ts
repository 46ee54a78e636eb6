import {
  DecryptionError,
  decryptChunk,
  deriveResponseKeys,
  EXPORT_LABEL,
  EXPORT_LENGTH,
  hexToBytes,
  Identity,
  KeyConfigMismatchError,
  PROTOCOL,
  ProtocolError,
  type RequestContext,
  type ResponseKeyMaterial,
} from 'ehbp'

const MAX_FRAME = 64 * 1024 * 1024 + 16

type Fetch = (url: string, init: RequestInit) => Promise<Response>

/**
 * A `fetch` that seals what it sends and opens what comes back. An answer without a nonce is whoever is on the way
 * speaking, not the enclave: as an error it is handed on as it is, so that its words can be shown (npm ehbp 0.1.7 throws
 * them away); as a success it is refused. The enclave's key is fetched once, and once more when it has changed.
 */
export function sealedFetch(gateway: string): Fetch {
  let identity: Promise<Identity> | undefined
  const send: Fetch = async (url, init) => {
    identity ??= keyOf(gateway)
    try {
      return await exchange(await identity, url, init)
    } catch (error) {
      identity = undefined
      throw error
    }
  }
  return async (url, init) => {
    try {
      return await send(url, init)
    } catch (error) {
      if (!(error instanceof KeyConfigMismatchError)) throw error
      return send(url, init)
    }
  }
}

async function keyOf(gateway: string): Promise<Identity> {
  const answer = await fetch(gateway + PROTOCOL.KEYS_PATH)
  if (answer.headers.get('content-type') !== PROTOCOL.KEYS_MEDIA_TYPE) {
    throw new ProtocolError(`No enclave key at ${gateway}${PROTOCOL.KEYS_PATH} (status ${answer.status}).`)
  }
  return Identity.unmarshalPublicConfig(new Uint8Array(await answer.arrayBuffer()))
}

async function exchange(identity: Identity, url: string, init: RequestInit): Promise<Response> {
  const { request, context } = await identity.encryptRequestWithContext(new Request(url, init))
  if (context === null) throw new ProtocolError('There is no body to seal.')
  const answer = await fetch(request, { signal: init.signal ?? null })
  const nonce = answer.headers.get(PROTOCOL.RESPONSE_NONCE_HEADER)
  if (nonce !== null) return opened(answer, await responseKeys(context, nonce))
  if (answer.ok) throw new ProtocolError('The answer came in the open although the request was sealed: it was dropped.')
  if (await isKeyMismatch(answer)) throw new KeyConfigMismatchError()
  return answer
}

async function isKeyMismatch(answer: Response): Promise<boolean> {
  const type = answer.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (answer.status !== 422 || type !== PROTOCOL.PROBLEM_JSON_MEDIA_TYPE) return false
  const problem: { type?: unknown } | null = await answer
    .clone()
    .text()
    .then(text => JSON.parse(text))
    .catch(() => null)
  return problem?.type === PROTOCOL.KEY_CONFIG_PROBLEM_TYPE
}

async function responseKeys(context: RequestContext, nonce: string): Promise<ResponseKeyMaterial> {
  if (!/^[0-9a-f]{64}$/i.test(nonce)) throw new ProtocolError('The nonce of the answer is not 64 hex digits.')
  const secret = await context.senderContext.Export(new TextEncoder().encode(EXPORT_LABEL), EXPORT_LENGTH)
  return deriveResponseKeys(secret, context.requestEnc, hexToBytes(nonce))
}

function opened(answer: Response, keys: ResponseKeyMaterial): Response {
  const { status, statusText, headers } = answer
  return new Response(answer.body?.pipeThrough(opener(keys)) ?? null, { status, statusText, headers })
}

/** Opens frames as they arrive; bytes that end inside one are an error, and never a shorter answer. */
function opener(keys: ResponseKeyMaterial): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  let held = new Uint8Array(0)
  let index = 0
  return new TransformStream({
    transform: async (bytes, controller) => {
      held = joined(held, bytes)
      for (let frame = firstFrame(held); frame; frame = firstFrame(held)) {
        held = held.slice(4 + frame.length)
        if (frame.length === 0) continue
        const plain = await decryptChunk(keys, index, frame).catch((cause: unknown) => {
          throw new DecryptionError(`Frame ${index} of the answer does not open.`, { cause })
        })
        index++
        controller.enqueue(new Uint8Array(plain))
      }
    },
    flush: () => {
      if (held.length > 0) throw new ProtocolError('The answer ends inside a sealed frame.')
    },
  })
}

function firstFrame(held: Uint8Array): Uint8Array | undefined {
  if (held.length < 4) return undefined
  const length = new DataView(held.buffer, held.byteOffset).getUint32(0)
  if (length > MAX_FRAME) throw new ProtocolError('A frame of the answer is longer than any may be.')
  return held.length < 4 + length ? undefined : held.subarray(4, 4 + length)
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(first.length + second.length)
  all.set(first)
  all.set(second, first.length)
  return all
}

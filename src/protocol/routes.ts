/** A request that an enclave answers. */
interface InferenceRoute {
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly path: `/v1/${string}`
  /** Whether its answer costs tokens. */
  readonly metered?: true
  /** What it is for, as the documentation says it. */
  readonly what: string
}

/** Every inference route, one line each: whatever is not here is a 404. */
export const INFERENCE = [
  { method: 'GET', path: '/v1/models', what: 'Models that can be asked.' },
  { method: 'HEAD', path: '/v1/models', what: 'The headers of that list.' },
  { method: 'POST', path: '/v1/chat/completions', metered: true, what: 'Chat, in one piece or as a stream of events.' },
  { method: 'POST', path: '/v1/chat/completions/input_tokens', what: 'Tokens that a chat would count.' },
  { method: 'POST', path: '/v1/responses', metered: true, what: 'A response, in one piece or as a stream of events.' },
  { method: 'POST', path: '/v1/responses/input_tokens', what: 'Tokens that a response would count.' },
  { method: 'POST', path: '/v1/completions', metered: true, what: 'A text continued.' },
  { method: 'POST', path: '/v1/embeddings', metered: true, what: 'Texts as vectors.' },
  { method: 'POST', path: '/v1/audio/transcriptions', what: 'Speech as text; multipart.' },
  { method: 'POST', path: '/v1/audio/speech', what: 'Text as speech; the answer is binary.' },
  { method: 'POST', path: '/v1/convert/file', what: 'A document as text; multipart.' },
] as const satisfies readonly InferenceRoute[]

/** The templates of all that an enclave answers. */
export const FORWARDED: ReadonlySet<string> = new Set(INFERENCE.map(({ path }) => path))

/** The templates of those whose answers cost tokens. */
export const METERED: ReadonlySet<string> = new Set(
  INFERENCE.filter(route => 'metered' in route).map(({ path }) => path),
)

/** A path that an enclave answers. */
export type InferencePath = (typeof INFERENCE)[number]['path']

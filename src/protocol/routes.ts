/** A request that either backend answers. */
interface InferenceRoute {
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly path: `/v1/${string}`
  /** Whether its answer costs tokens. */
  readonly metered?: true
  /** Whether its body is a prompt that Tinfoil keeps the beginning of, by `user_cache_secret`. */
  readonly cached?: true
  /** Whether its body is a form (multipart). */
  readonly form?: true
  /** The member in which an operator's prompt goes before what the client says. */
  readonly prompted?: 'instructions' | 'messages'
  /** What it is for, as the documentation says it. */
  readonly what: string
}

/** Every inference route, one line each: whatever is not here is a 404. */
export const INFERENCE = [
  { method: 'GET', path: '/v1/models', what: 'Models that can be asked.' },
  { method: 'HEAD', path: '/v1/models', what: 'The headers of that list.' },
  {
    method: 'POST',
    path: '/v1/chat/completions',
    metered: true,
    cached: true,
    prompted: 'messages',
    what: 'Chat, in one piece or as a stream of events.',
  },
  {
    method: 'POST',
    path: '/v1/chat/completions/input_tokens',
    prompted: 'messages',
    what: 'Tokens that a chat would count.',
  },
  {
    method: 'POST',
    path: '/v1/responses',
    metered: true,
    cached: true,
    prompted: 'instructions',
    what: 'A response, in one piece or as a stream of events.',
  },
  {
    method: 'POST',
    path: '/v1/responses/input_tokens',
    prompted: 'instructions',
    what: 'Tokens that a response would count.',
  },
  { method: 'POST', path: '/v1/completions', metered: true, cached: true, what: 'A text continued.' },
  { method: 'POST', path: '/v1/embeddings', metered: true, what: 'Texts as vectors.' },
  { method: 'POST', path: '/v1/audio/transcriptions', form: true, what: 'Speech as text; multipart.' },
  { method: 'POST', path: '/v1/audio/speech', what: 'Text as speech; the answer is binary.' },
  { method: 'POST', path: '/v1/convert/file', form: true, what: 'A document as text; multipart.' },
] as const satisfies readonly InferenceRoute[]

/** The paths of those whose answers cost tokens. */
export const METERED: ReadonlySet<string> = new Set(
  INFERENCE.flatMap(route => ('metered' in route ? [route.path] : [])),
)

/** The route of the models, which is asked of both. */
export const MODELS: InferencePath = '/v1/models'

/** The route whose answers are kept, where a backend keeps things. */
export const RESPONSES: InferencePath = '/v1/responses'

/** A path that either backend answers. */
export type InferencePath = (typeof INFERENCE)[number]['path']

/** The routes whose prompts Tinfoil caches. */
export const CACHED: ReadonlySet<string> = new Set(INFERENCE.filter(route => 'cached' in route).map(({ path }) => path))

/** The routes whose bodies are forms. */
export const FORMS: ReadonlySet<string> = new Set(INFERENCE.filter(route => 'form' in route).map(({ path }) => path))

/** The member that an operator's prompt goes into, by route. */
export const PROMPTED: ReadonlyMap<string, 'instructions' | 'messages'> = new Map(
  INFERENCE.flatMap(route => ('prompted' in route ? [[route.path, route.prompted] as const] : [])),
)

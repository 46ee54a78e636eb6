import type { Config } from '../settings.ts'

interface Told {
  /** Where the gateway listens. */
  readonly url: string
  /** A token for a day; without it, tokens come from elsewhere. */
  readonly token: string | undefined
  readonly backends: Pick<Config, 'TINFOIL_API_KEY' | 'TINFOIL_BASE_URL' | 'OPENAI_BASE_URL'>
  /** Whether they are stand-ins. */
  readonly isPlayed: boolean
}

/** What dev mode tells a person at the terminal: what is behind the gateway, and lines to paste. */
export function banner({ url, token, backends, isPlayed }: Told): string {
  const lines = token === undefined ? NO_TOKEN : tryIt(url, token, modelOf(backends, isPlayed))
  const more = token === undefined || backends.OPENAI_BASE_URL === undefined ? '' : keepIt(url)
  return `\n${isPlayed ? played(backends) : real(backends)}\n\n${lines}${more}\n`
}

function played({ TINFOIL_BASE_URL, OPENAI_BASE_URL }: Told['backends']): string {
  return [
    `DEV MODE. Behind it are a STAND-IN ENCLAVE at ${TINFOIL_BASE_URL}, which opens and seals bodies for real,`,
    `and a STAND-IN CLOUD at ${OPENAI_BASE_URL}, which gets what is open and keeps it in memory.`,
    'No model answers, and reports are simulated. Set TINFOIL_API_KEY or OPENAI_BASE_URL to reach a real one.',
  ].join('\n')
}

function real({ TINFOIL_API_KEY, TINFOIL_BASE_URL, OPENAI_BASE_URL }: Told['backends']): string {
  const places = [TINFOIL_API_KEY && TINFOIL_BASE_URL, OPENAI_BASE_URL].filter(Boolean)
  const [are, keys] = places.length === 1 ? ['is', 'key'] : ['are', 'keys']
  return `DEV MODE. Behind it ${are} ${places.join(' and ')}, with your ${keys}.`
}

/** A model that answers open chats there. */
function modelOf({ OPENAI_BASE_URL }: Told['backends'], isPlayed: boolean): string {
  if (isPlayed) return 'stand-in/small'
  return OPENAI_BASE_URL === undefined ? 'gpt-oss-120b' : 'openai/gpt-oss-120b'
}

const NO_TOKEN = 'Tokens come from JWKS_URL; without it, one for a day is printed here.'
const BEARER = '-H "Authorization: Bearer $TOKEN"'
const JSON_TYPE = "-H 'Content-Type: application/json'"

/** With TLS, by a certificate that nobody else has signed. */
const curl = (url: string) => (url.startsWith('https:') ? 'curl -sk' : 'curl -s')

function tryIt(url: string, token: string, model: string): string {
  const chat = (stream: boolean) => {
    const body = { model, stream, messages: [{ role: 'user', content: 'Hello' }] }
    return `${curl(url)}N -w '\\n' ${url}/v1/chat/completions ${BEARER} ${JSON_TYPE} -d '${JSON.stringify(body)}'`
  }
  return [
    'Paste this for a session of a user, who has settings and API keys:',
    '',
    `${curl(url)} -w '\\n' ${url}/v1/auth/mock-login -d '{"email":"ada@example.com"}'`,
    '',
    'Paste these: a token for a day; then models, chat, and chat as a stream.',
    '',
    `export TOKEN=${token}`,
    `${curl(url)} -w '\\n' ${url}/v1/models ${BEARER}`,
    chat(false),
    chat(true),
    '',
  ].join('\n')
}

function keepIt(url: string): string {
  const at = `${url}/v1/conversations ${BEARER}`
  return [
    '',
    'Paste these, with that token: a conversation is begun, and yours are listed.',
    '',
    `${curl(url)} -w '\\n' ${at} ${JSON_TYPE} -d '{"metadata":{"title":"Hello"}}'`,
    `${curl(url)} -w '\\n' ${at}`,
    '',
  ].join('\n')
}

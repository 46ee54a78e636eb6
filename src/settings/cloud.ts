import { baseUrl, clientText, headerToken, sharedSecret } from '../protocol/kinds.ts'
import type { Setting } from './setting.ts'

/** The backend that reads open bodies and keeps conversations, and what it is paid with. */
export const cloud = {
  OPENAI_BASE_URL: {
    kind: baseUrl,
    unset: 'no such backend',
    attested: true,
    what: 'A backend shaped like OpenAI, with its `/v1`; plain http on loopback only, anywhere in dev mode.',
    why: 'Operators whose users keep conversations at one that runs in a TEE: it reads what is sent there.',
  },
  OPENAI_API_KEY: {
    kind: headerToken,
    secret: true,
    unset: 'none; OPENAI_BASE_URL needs it, or VPC_SHARED_SECRET',
    attested: false,
    what: 'The key for OPENAI_BASE_URL, in place of the token of the caller.',
    why: 'Operators whose backend gave them a key.',
  },
  VPC_SHARED_SECRET: {
    kind: sharedSecret,
    secret: true,
    unset: 'no login: OPENAI_API_KEY is the key',
    attested: false,
    what: 'The secret by which the gateway logs in at OPENAI_BASE_URL for a key of its own; blanks around it are dropped.',
    why: 'Operators whose backend is in the same private network, as NEAR AI Cloud has it; mostly given as a file.',
  },
  VPC_CLIENT_ID: {
    kind: clientText,
    default: 'chat-api-client',
    attested: true,
    what: 'Who logs in by VPC_SHARED_SECRET: whoever has the same name there shares conversations and bill.',
    why: 'Operators with several gateways at one backend.',
  },
} as const satisfies Readonly<Record<string, Setting>>

import { baseUrl, boolean, clientText, exactOrigins, integer, issuer, text } from '../protocol/kinds.ts'
import type { Setting } from './setting.ts'

/** Of each sign-in provider the setting without which it is not there. */
export const PROVIDERS = ['GOOGLE_CLIENT_ID', 'GITHUB_CLIENT_ID', 'OIDC_ISSUER'] as const

/** How people sign in, and for how long. */
export const signIn = {
  PUBLIC_URL: {
    kind: baseUrl,
    older: 'REDIRECT_URI',
    unset: 'none; sign-in providers require it',
    attested: true,
    what: 'The address of this gateway in browsers; providers send people back to `/v1/auth/callback` below it.',
    why: 'Every operator whose users sign in here: it is never taken from a request.',
  },
  FRONTEND_URL: {
    kind: baseUrl,
    unset: 'PUBLIC_URL with FRONTEND_DIR; else each sign-in says where it ends',
    attested: true,
    what: 'The front end to which a sign-in returns, at `/auth/callback` below it, unless it asks for another.',
    why: 'Every operator whose users sign in here.',
  },
  FRONTEND_CALLBACK_ALLOWED_ORIGINS: {
    kind: exactOrigins,
    unset: 'the origin of FRONTEND_URL',
    attested: true,
    what: 'Origins to which a sign-in may return, between commas; one on loopback stands for its every port.',
    why: 'Operators with several front ends; whoever serves a page there can sign in the people it sends.',
  },
  GOOGLE_CLIENT_ID: {
    kind: clientText,
    unset: 'no sign-in with Google',
    attested: true,
    what: 'The id under which Google knows this gateway.',
    why: 'Operators who let people sign in with Google.',
  },
  GOOGLE_CLIENT_SECRET: {
    kind: clientText,
    secret: true,
    unset: 'none; GOOGLE_CLIENT_ID needs it',
    attested: false,
    what: 'The secret that goes with GOOGLE_CLIENT_ID.',
    why: 'Operators who let people sign in with Google.',
  },
  GITHUB_CLIENT_ID: {
    kind: clientText,
    unset: 'no sign-in with GitHub',
    attested: true,
    what: 'The id under which GitHub knows this gateway.',
    why: 'Operators who let people sign in with GitHub.',
  },
  GITHUB_CLIENT_SECRET: {
    kind: clientText,
    secret: true,
    unset: 'none; GITHUB_CLIENT_ID needs it',
    attested: false,
    what: 'The secret that goes with GITHUB_CLIENT_ID.',
    why: 'Operators who let people sign in with GitHub.',
  },
  OIDC_ISSUER: {
    kind: issuer,
    unset: 'no other provider',
    attested: true,
    what: 'Another provider, by OpenID Connect: its issuer, compared exactly; its discovery document names the rest.',
    why: 'Operators whose people have accounts at a provider of their own.',
  },
  OIDC_CLIENT_ID: {
    kind: clientText,
    unset: 'none; OIDC_ISSUER needs it',
    attested: true,
    what: 'The id under which OIDC_ISSUER knows this gateway.',
    why: 'Operators who give an OIDC_ISSUER.',
  },
  OIDC_CLIENT_SECRET: {
    kind: clientText,
    secret: true,
    unset: 'none; OIDC_ISSUER needs it',
    attested: false,
    what: 'The secret that goes with OIDC_CLIENT_ID.',
    why: 'Operators who give an OIDC_ISSUER.',
  },
  OIDC_NAME: {
    kind: text,
    default: 'Single sign-on',
    attested: false,
    what: 'What people read where they choose to sign in with OIDC_ISSUER.',
    why: 'Operators whose people know that provider by a name.',
  },
  OIDC_TRUST_EMAIL: {
    kind: boolean,
    default: 'false',
    attested: true,
    what: 'Believe OIDC_ISSUER whose an e-mail address is, so that its people are those who signed in otherwise.',
    why: 'Operators who run that provider: by an address it can sign in as anyone.',
  },
  SESSION_IN_REDIRECT: {
    kind: boolean,
    default: 'false',
    attested: true,
    what: 'End a sign-in with the session itself in the URL, in place of a code to exchange for it.',
    why: 'Operators whose front end cannot exchange a code yet: sessions get into browser histories.',
  },
  SESSION_DAYS: {
    kind: integer(1, 3650),
    default: '30',
    attested: true,
    what: 'Days after which a session that nobody uses ends; each day of use renews it.',
    why: 'Operators, by how long a lost device may stay signed in.',
  },
  SESSION_MAX_DAYS: {
    kind: integer(1, 3650),
    default: '90',
    attested: true,
    what: 'Days after its sign-in when a session ends, however much it is used.',
    why: 'Operators whose rules ask for a new sign-in now and then.',
  },
  GOOGLE_BASE_URL: {
    kind: baseUrl,
    unset: 'Google itself',
    attested: true,
    what: 'What stands in for Google: in dev mode only, on loopback only.',
    why: 'Developers of front ends, and tests.',
  },
  GITHUB_BASE_URL: {
    kind: baseUrl,
    unset: 'GitHub itself',
    attested: true,
    what: 'What stands in for GitHub: in dev mode only, on loopback only.',
    why: 'Developers of front ends, and tests.',
  },
} as const satisfies Readonly<Record<string, Setting>>

import { isOnLoopback, quoted, travelsInTheClear } from '../protocol/kinds.ts'
import { originMatcher } from '../protocol/origins.ts'
import { PROVIDERS } from '../settings/sign-in.ts'
import type { Config, Key } from '../settings.ts'
import { isGiven, type Reading } from './reading.ts'
import { signInOptions } from './sign-in.ts'

const TOGETHER: readonly (readonly Key[])[] = [
  ['GOOGLE_CLIENT_ID', 'GOOGLE_CLIENT_SECRET'],
  ['GITHUB_CLIENT_ID', 'GITHUB_CLIENT_SECRET'],
  ['OIDC_ISSUER', 'OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET'],
]
const PLACES = ['PUBLIC_URL', 'FRONTEND_URL', 'FRONTEND_CALLBACK_ALLOWED_ORIGINS'] as const

/** What is wrong with the settings of sign-in, and what is risky about them. */
export function judgeSignIn(config: Partial<Config>, reading: Reading): void {
  // A subcommand reads a few settings, and none of these.
  if (!reading.keys.has('PUBLIC_URL')) return
  judgeCredentials(reading)
  if (PROVIDERS.some(key => isGiven(key, reading))) judgePlaces(reading)
  else judgeIdle(reading)
  judgeAddresses(config, reading)
  judgeStandIns(config, reading)
  judgeRisks(config, reading)
  judgeProxy(config, reading)
  judgeCors(config, reading)
}

function judgeCredentials(reading: Reading): void {
  for (const keys of TOGETHER) {
    const given = keys.filter(key => isGiven(key, reading))
    const missing = keys.filter(key => !given.includes(key))
    if (given.length === 0 || missing.length === 0) continue
    const need = given.length === 1 ? 'needs' : 'need'
    reading.faults.push(`${given.join(' and ')} ${need} ${missing.join(' and ')}: give all of them, or none`)
  }
}

function judgePlaces(reading: Reading): void {
  if (!isGiven('PUBLIC_URL', reading)) {
    reading.faults.push('PUBLIC_URL is required with a sign-in provider: the address of this gateway in browsers')
  }
  const ends = ['FRONTEND_URL', 'FRONTEND_CALLBACK_ALLOWED_ORIGINS', 'FRONTEND_DIR'] as const
  if (!ends.some(key => isGiven(key, reading))) {
    reading.faults.push(
      'FRONTEND_URL is required with a sign-in provider (or FRONTEND_CALLBACK_ALLOWED_ORIGINS, or FRONTEND_DIR): where a sign-in returns',
    )
  }
}

function judgeIdle(reading: Reading): void {
  // Of a front end here it says that browsers reach it by https.
  const given = PLACES.filter(
    key => isGiven(key, reading) && !(key === 'PUBLIC_URL' && isGiven('FRONTEND_DIR', reading)),
  )
  if (given.length === 0) return
  reading.warnings.push(
    `Without a sign-in provider (${PROVIDERS.join(', ')}) nothing comes of ${given.join(' and ')}: give one, or drop them`,
  )
}

function judgeAddresses(config: Partial<Config>, { faults }: Reading): void {
  const { PUBLIC_URL, FRONTEND_URL, FRONTEND_CALLBACK_ALLOWED_ORIGINS: allowed, OIDC_ISSUER } = config
  const addresses = [
    ['PUBLIC_URL', PUBLIC_URL],
    ['FRONTEND_URL', FRONTEND_URL],
    ...(allowed ?? []).map(origin => ['FRONTEND_CALLBACK_ALLOWED_ORIGINS', origin] as const),
    ['OIDC_ISSUER', OIDC_ISSUER],
  ] as const
  for (const [key, address] of addresses) {
    if (address !== undefined && travelsInTheClear(address))
      faults.push(`${key}: ${quoted(address)} would send sign-ins in the clear: use https (http is for loopback)`)
  }
  if (PUBLIC_URL?.endsWith('/v1/auth/callback'))
    faults.push('PUBLIC_URL ends in /v1/auth/callback, which is added to it: give what stands before that')
  if (FRONTEND_URL === undefined || allowed === undefined) return
  const { origin } = new URL(FRONTEND_URL)
  if (!allowed.includes(origin))
    faults.push(`FRONTEND_URL is on ${quoted(origin)}, which FRONTEND_CALLBACK_ALLOWED_ORIGINS lacks: add it there`)
}

function judgeStandIns(config: Partial<Config>, { dev, faults }: Reading): void {
  for (const key of ['GOOGLE_BASE_URL', 'GITHUB_BASE_URL'] as const) {
    const address = config[key]
    if (address === undefined) continue
    if (!dev) faults.push(`${key} is for dev mode, where nobody is real: drop it, or give --dev-mode`)
    else if (!isOnLoopback(address)) faults.push(`${key}: ${quoted(address)} is not on loopback: use a stand-in there`)
  }
}

function judgeRisks({ SESSION_IN_REDIRECT, OIDC_TRUST_EMAIL }: Partial<Config>, { warnings }: Reading): void {
  if (SESSION_IN_REDIRECT) {
    warnings.push(
      'SESSION_IN_REDIRECT puts sessions into browser histories and the logs of front ends: exchange a code instead',
    )
  }
  if (OIDC_TRUST_EMAIL) {
    warnings.push(
      'OIDC_TRUST_EMAIL lets whoever runs OIDC_ISSUER sign in as any user, by an e-mail address: be sure of them',
    )
  }
}

function judgeProxy(config: Partial<Config>, { warnings }: Reading): void {
  // Else nobody needs to be in front.
  const isInTheClear = config.TLS === 'off' && config.TLS_CERT_FILE === undefined
  if (config.TRUSTED_PROXIES || !isInTheClear || !signInOptions(config)?.publicUrl.startsWith('https:')) return
  warnings.push(
    'PUBLIC_URL is https, so a proxy is in front, and without TRUSTED_PROXIES all who sign in share its limit: one can shut out the rest',
  )
}

function judgeCors(config: Partial<Config>, { warnings }: Reading): void {
  const options = signInOptions(config)
  if (!options || options.sessionInRedirect) return
  const mayCall = originMatcher([new URL(options.publicUrl).origin, ...(config.CORS_ALLOWED_ORIGINS ?? [])])
  const shut = options.callbackOrigins.filter(origin => !mayCall(origin))
  if (shut.length === 0) return
  warnings.push(
    `CORS_ALLOWED_ORIGINS lacks ${shut.join(' and ')}: a page there cannot exchange the code that a sign-in ends with`,
  )
}

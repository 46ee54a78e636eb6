import { baseUrl, quoted, travelsInTheClear } from '../protocol/kinds.ts'
import type { Config } from '../settings.ts'
import { judgeCloud } from './cloud-judges.ts'
import { judgeDatabase } from './database-judges.ts'
import { judgeOperators } from './operator-judges.ts'
import { isGiven, type Reading } from './reading.ts'
import { judgeSignIn } from './sign-in-judges.ts'
import { judgeSurroundings } from './surroundings.ts'
import { judgeTee } from './tee.ts'

/** Looks at settings together: notes the faults that none has alone, and what an operator should be warned of. */
export function judge(config: Partial<Config>, reading: Reading): void {
  if (!reading.dev) judgeUpstream(config, reading)
  judgeCloud(config, reading)
  judgeKeySet(config, reading)
  judgeDatabase(config, reading)
  judgeSessions(config, reading)
  judgeSignIn(config, reading)
  judgeOperators(config, reading)
  judgeFrontend(reading)
  judgeTee(config, reading)
  judgeWorkers(config, reading)
  judgeProxy(config, reading)
  judgeSurroundings(config, reading)
  if (reading.dev) judgeDevMode(config, reading)
  else judgeClaims(config, reading)
}

function judgeUpstream({ TINFOIL_BASE_URL: address }: Partial<Config>, { faults }: Reading): void {
  if (address && travelsInTheClear(address)) {
    faults.push(
      `TINFOIL_BASE_URL: ${quoted(address)} would send the key in the clear: use https (http is for loopback)`,
    )
  }
}

function judgeDevMode(
  { TINFOIL_API_KEY, OPENAI_BASE_URL, ALLOW_PLAINTEXT }: Partial<Config>,
  { warnings }: Reading,
): void {
  if (TINFOIL_API_KEY && !OPENAI_BASE_URL && ALLOW_PLAINTEXT) {
    warnings.push('Dev mode lets unsealed bodies go to the real enclave: set ALLOW_PLAINTEXT=false to refuse them')
  }
}

function judgeWorkers({ WORKERS = 1, DATABASE_URL }: Partial<Config>, { dev, faults }: Reading): void {
  if (WORKERS === 1) return
  if (DATABASE_URL === 'sqlite::memory:')
    faults.push(
      'WORKERS: several cannot share a database in memory: give DATABASE_URL a file or PostgreSQL, or WORKERS=1',
    )
  if (dev) faults.push('WORKERS: dev mode is one process, with stand-ins of its own: set WORKERS=1')
}

function judgeProxy(config: Partial<Config>, { faults }: Reading): void {
  if (!config.UPSTREAM_PROXY) return
  for (const key of ['TINFOIL_BASE_URL', 'TINFOIL_ATC_URL', 'OPENAI_BASE_URL', 'JWKS_URL', 'PCCS_URL'] as const) {
    const address = config[key]
    if (address && travelsInTheClear(address))
      faults.push(`${key}: ${quoted(address)} is plain http, which UPSTREAM_PROXY does not carry: use https`)
  }
}

function judgeKeySet({ JWKS_URL, ISSUER }: Partial<Config>, reading: Reading): void {
  const discovered = reading.dev || isGiven('JWKS_URL', reading) ? undefined : ISSUER
  if (discovered && baseUrl.read(discovered) === undefined) {
    reading.faults.push(`ISSUER: ${quoted(discovered)} is not ${baseUrl.expects}, so it names no keys: set JWKS_URL`)
    return
  }
  const address = JWKS_URL ?? discovered
  if (address && travelsInTheClear(address)) {
    const name = JWKS_URL ? 'JWKS_URL' : 'ISSUER'
    reading.warnings.push(`${name} is plain http: whoever sits on the way can sign in as anyone. Use https`)
  }
}

function judgeSessions({ SESSION_DAYS: idle, SESSION_MAX_DAYS: most }: Partial<Config>, { faults }: Reading): void {
  if (idle !== undefined && most !== undefined && idle > most)
    faults.push(`SESSION_DAYS: ${idle} is more than SESSION_MAX_DAYS, ${most}: lower it, or raise SESSION_MAX_DAYS`)
}

function judgeFrontend(reading: Reading): void {
  if (isGiven('FRONTEND_CSP', reading) && !isGiven('FRONTEND_DIR', reading))
    reading.warnings.push('Without FRONTEND_DIR nothing comes of FRONTEND_CSP: give one, or drop it')
}

function judgeClaims({ JWKS_URL, ISSUER, AUDIENCES }: Partial<Config>, { warnings }: Reading): void {
  if (JWKS_URL !== undefined && ISSUER === undefined && AUDIENCES === undefined) {
    warnings.push('Neither ISSUER nor AUDIENCES is set: any token of the key set passes, whoever it was meant for')
  }
}

import { faultsOf, passagesIn } from '../protocol/passages.ts'
import type { Config } from '../settings.ts'
import { isGiven, type Reading } from './reading.ts'

/** What is wrong with the settings of who administers and what else passes, and what is risky about them. */
export function judgeOperators(config: Partial<Config>, reading: Reading): void {
  const { ADMIN_SCOPE, AUTH_ADMIN_EMAILS, AUTH_ADMIN_DOMAINS, PASSTHROUGH } = config
  const { faults, warnings } = reading
  if (ADMIN_SCOPE === 'inference')
    faults.push('ADMIN_SCOPE: every caller has the scope "inference": name one that only administrators get')
  if (AUTH_ADMIN_EMAILS && AUTH_ADMIN_DOMAINS)
    warnings.push('AUTH_ADMIN_EMAILS is given, so nothing comes of AUTH_ADMIN_DOMAINS: drop one')
  if (!PASSTHROUGH) return
  faults.push(...faultsOf(PASSTHROUGH).map(fault => `PASSTHROUGH: ${fault}`))
  if (passagesIn(PASSTHROUGH).some(({ method, path }) => method === 'POST' && path === '/v1/batches'))
    warnings.push(
      'PASSTHROUGH: "POST /v1/batches" has the backend do what a file says, which nobody here reads: in it callers can name what is another\'s, and models that are shut',
    )
  if (!isGiven('OPENAI_BASE_URL', reading) && !reading.dev)
    faults.push('PASSTHROUGH needs OPENAI_BASE_URL: the backend that these routes are of')
}

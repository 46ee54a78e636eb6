import { Elysia } from 'elysia'
import type { limited } from '../../gate/limited.ts'
import { reportDetail } from '../../protocol/attestation-docs.ts'
import type { Exchange } from '../../protocol/exchange.ts'
import { described } from '../../protocol/openapi.ts'
import { Problem } from '../../protocol/problem.ts'
import type { SigningKeys } from '../../tee/signing.ts'
import { statementOf } from '../../tee/statement.ts'
import type { Tee } from '../../tee/tee.ts'
import type { CollateralOf } from '../../upstream/collateral.ts'
import type { Reports } from '../../upstream/reports.ts'
import { reportOf, slices } from './answer.ts'
import { KEPT_MS, proofs } from './proof.ts'
import { type Query, queryOf } from './query.ts'

interface Deps {
  limited: ReturnType<typeof limited>
  /** Absent outside a TEE. */
  tee: Tee | undefined
  collateralOf: CollateralOf | undefined
  signing: SigningKeys
  /** Those in effect. */
  settings: Readonly<Record<string, unknown>>
  version: string
  commit: string
  /** SHA-256 of this program's file; absent where it has none. */
  executable: (() => Promise<string | undefined>) | undefined
  reports: Reports
  /** The HPKE configuration that was relayed last; absent where none is relayed. */
  lastKeys: (() => Uint8Array | undefined) | undefined
  now: () => number
  exchangeOf: (request: Request) => Exchange
}

/** Who answers here, quoted by the TEE, and who answers behind it, in the words of each. */
export const attestation = (deps: Deps) => {
  const { limited, tee, collateralOf, signing, reports, exchangeOf } = deps
  const prove = tee && proofs(tee, deps.now)

  async function report(exchange: Exchange): Promise<Response> {
    const { nonce, algorithm, ...asked } = queryOf(exchange.target.query)
    if (!tee || !prove) throw notInATee()
    exchange.hold()
    const { spki } = exchange
    const executable = await deps.executable?.()
    const proof = await prove(statementOf({ ...deps, executable, spki, hpkeKeys: deps.lastKeys?.() }), nonce)
    const shown = nonce ?? proof.nonce
    const query = queryFor({ ...asked, algorithm, nonce: shown })
    const [reported, collateral] = await Promise.all([
      reports({ query, keptMs: nonce === undefined ? KEPT_MS : 0 }),
      collateralOf?.(proof.quoted.quote),
    ])
    const pieces = reportOf({ mode: tee.mode, signing, algorithm, nonce: shown, proof, collateral, reported })
    exchange.bytesDown = pieces.reduce((sum, { length }) => sum + length, 0)
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
    return new Response(slices(pieces), { headers })
  }

  return new Elysia({ name: 'attestation' })
    .use(limited)
    .get('/v1/attestation/report', ({ request }) => report(exchangeOf(request)), {
      limited: 'address',
      detail: described(() => reportDetail()),
    })
}

/** What is asked of backends: the same, by the same nonce. */
function queryFor({ nonce = '', algorithm, model, signingAddress }: Query): string {
  const query = new URLSearchParams({ nonce, signing_algo: algorithm })
  if (model !== undefined) query.set('model', model)
  if (signingAddress !== undefined) query.set('signing_address', signingAddress)
  return query.toString()
}

function notInATee(): Problem {
  const way = 'run it in one, with TEE=dstack, for its reports to prove who it is'
  return new Problem('not_in_a_tee', `This gateway is not in a TEE: ${way}.`)
}

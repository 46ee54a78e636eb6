import type { Belongings } from './gate/belongings.ts'
import type { Rules } from './gate/rules.ts'
import type { Parts } from './parts.ts'
import type { Exchange } from './protocol/exchange.ts'
import { edited } from './protocol/json.ts'
import { RULED } from './protocol/model-rules.ts'
import { readNaming } from './protocol/references.ts'
import { shutModels } from './protocol/shut-models.ts'
import { sharedClock } from './store/store.ts'
import type { Backend } from './upstream/backends.ts'
import { cacheSecrets } from './upstream/cache-secret.ts'
import { claimer } from './upstream/claim.ts'
import { type Cooldown, cooldown } from './upstream/cooldown.ts'
import { enclaves } from './upstream/enclaves.ts'
import { errand } from './upstream/errand.ts'
import { forwardTo } from './upstream/forward.ts'
import { forwardOpen } from './upstream/forward-open.ts'
import { giving } from './upstream/giving.ts'
import { type HandOver, handOver } from './upstream/hand-over.ts'
import type { Reading } from './upstream/judged.ts'
import { keepFile } from './upstream/keep-file.ts'
import { kept } from './upstream/kept.ts'
import { maker } from './upstream/make.ts'
import { makings } from './upstream/makings.ts'
import { allModels, modelIds } from './upstream/models.ts'
import { onBehalf } from './upstream/on-behalf.ts'
import { orphans } from './upstream/orphans.ts'
import { reconcile } from './upstream/reconcile.ts'
import { remover } from './upstream/removal.ts'
import { replays } from './upstream/replays.ts'
import { reports } from './upstream/reports.ts'
import { type RulesNow, ruled } from './upstream/ruled.ts'
import { attestationSource, hpkeKeysSource } from './upstream/sources.ts'
import { ways } from './upstream/ways.ts'

const HPKE_KEYS_KEPT_MS = 5000
const BUNDLE_KEPT_MS = 10_000
// Of the minute that a making is its beginner's.
const RENEW_MS = 20_000

/** The backends that are there, by name. */
export const backendNames = ({ sealed, open }: Pick<Parts, 'sealed' | 'open'>) =>
  [sealed, open].flatMap(backend => backend?.name ?? [])

/** What goes up, and what is asked there on everybody's behalf. */
export function wayOut(parts: Parts, owned: Belongings, { current: rules }: Pick<Rules, 'current'>) {
  const { version, now, keys, sealed, open, plaintext, meters, callOut } = parts
  const shared = {
    ...parts,
    rules,
    cooldown: cooldown(now, origin => meters.cooled(origin === open?.base.origin ? 'openai' : 'tinfoil')),
    handOver: handOver({ send: parts.send, identityKey: keys.identity, userAgent: `sealgate/${version}` }),
  }
  const judge = async (bytes: Uint8Array, exchange: Exchange) => {
    const inForce = await rules()
    const { references, object } = await readNaming(bytes, RULED, shutModels(inForce, bytes))
    const edits = ruled(inForce, { bytes, object }, exchange)
    await owned.use(exchange.principal?.owner ?? '', references)
    return edited(bytes, edits)
  }
  const keeping = open && keepingAt({ ...shared, backend: open, judge }, owned)
  const toEnclave = sealed && enclaveWay(parts, { ...shared, backend: sealed })
  const told = { ...shared, backends: [sealed, open].filter(backend => backend !== undefined), send: callOut }
  const models = sealed && open && allModels(told)
  const ids = modelIds(told)
  meters.modelsFrom(ids)
  return {
    forward: ways({ sealed: toEnclave?.forward, open: keeping?.open, models, plaintext }),
    modelIds: ids,
    /** Who is asked, by name. */
    backends: backendNames(parts),
    lastKeys: toEnclave?.lastKeys,
    reports: reports({ ...told, cloud: open, bundle: toEnclave?.bundle }),
    enclave: toEnclave,
    keeping,
  }
}

/** The way to a backend that keeps things, and what sees to it that none is left there that nobody owns. */
function keepingAt(shared: Shared & { judge: Reading['judge'] }, { forget }: Belongings) {
  const ask = errand({ ...shared, send: shared.callOut })
  // What one gateway left undone another takes up, by the same clock.
  const rows = { ...shared, now: sharedClock(shared.store, shared.now) }
  const deps = { ...shared, ask, makings: makings(rows), onBehalf: onBehalf({ ...shared, ask }), forget }
  const gives = giving({ ...deps, identityKey: shared.keys.identity })
  return {
    backend: shared.backend,
    onBehalf: deps.onBehalf,
    open: forwardOpen({ ...shared, claim: claimer({ ...shared, giving: gives }) }),
    make: maker({ ...deps, giving: gives }),
    keepFile: keepFile({ ...deps, giving: gives, renewMs: RENEW_MS }),
    remove: remover(deps),
    reconcile: reconcile({ ...deps, now: rows.now, orphans: orphans(rows) }),
  }
}

type Shared = Parts & { backend: Backend; cooldown: Cooldown; handOver: HandOver; rules: RulesNow }

/** The way to Tinfoil, and what clients ask before they seal. */
function enclaveWay({ now, keys, call, atcUrl, enclaveHosts }: Parts, shared: Shared) {
  const { backend } = shared
  const bundles = kept({ load: attestationSource(call, atcUrl), now, keptMs: BUNDLE_KEPT_MS })
  const hpkeKeys = kept({ load: hpkeKeysSource(call, backend), now, keptMs: HPKE_KEYS_KEPT_MS })
  const forward = forwardTo({
    ...shared,
    enclaves: enclaves({ backend, hosts: enclaveHosts }),
    replays: replays(now),
    cacheSecrets: cacheSecrets({ ...shared, cacheKey: keys.cache }),
    onUnprocessable: () => {
      hpkeKeys.drop()
      bundles.drop()
    },
  })
  let relayed: Uint8Array | undefined
  return {
    forward,
    bundle: bundles.get,
    hpkeKeys: async () => {
      relayed = await hpkeKeys.get()
      return relayed
    },
    /** The configuration that was relayed last, whoever asked. */
    lastKeys: () => relayed,
  }
}

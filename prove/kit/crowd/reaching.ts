import type { Figure, Ground } from '../claim.ts'
import { ask } from '../wire.ts'
import { type ChatBackend, MODELS } from './backend.ts'
import { type Chat, chat, type Told } from './chat.ts'
import type { Fleet, Person } from './fleet.ts'

const WITHIN_MS = 5000
const WATCHED_MS = 6500
// Of so many connections of their own none of six workers is left out: one would be by 6 × (5/6)^60, one in ten thousand.
const ENOUGH = 60
const AT_ONCE = 3
const PAUSE_MS = 25
const LONG_MS = 120_000

/** What the claim is asked to measure with. */
export interface Scene {
  readonly fleet: Fleet
  readonly backend: ChatBackend
  readonly ground: Ground
  /** What the crowd was told so far. */
  readonly crowd: readonly Told[]
}

/** A request of the gateway's own API; throws where it is refused. When its answer came. */
async function act(url: string, line: string, authorization: string, body = ''): Promise<number> {
  const length = String(Buffer.byteLength(body))
  const headers = { authorization, connection: 'close', 'content-type': 'application/json', 'content-length': length }
  const wire = await ask(url, line, headers, body)
  const head = await wire.head()
  const at = Date.now()
  let text = ''
  wire.onBody(bytes => {
    text += bytes.toString('latin1')
  })
  await wire.closed
  if (!/^HTTP\/1\.1 20/.test(head)) throw new Error(`${line}: ${head.split('\r\n', 1)[0]} ${text}`)
  return at
}

/** Asks at each gateway again and again, several times at once, until it is told to stop. */
function hammer(urls: readonly string[], authorization: string, caller: string) {
  const all: Told[] = []
  let going = true
  const asking = Array.from({ length: AT_ONCE * urls.length }, async (_, at) => {
    const url = urls[at % urls.length] ?? ''
    while (going) {
      all.push(await chat(url, authorization, { caller }).told)
      await Bun.sleep(PAUSE_MS)
    }
  })
  return {
    all,
    stop: async () => {
      going = false
      await Promise.all(asking)
    },
  }
}

/** How long somebody is let in after they were shut out: by when they asked, for an answer takes what it takes. */
function reached(what: string, all: readonly Told[], at: number, code: string): Figure {
  const refused = all.filter(one => one.code === code)
  // Whoever is told that they ask too often is known, and let in.
  const known = all.filter(one => one.code !== code && one.status > 0)
  const lastMs = Math.max(0, ...known.map(({ askedAt }) => askedAt - at))
  const before = known.filter(({ askedAt }) => askedAt < at).length
  const is = `${(lastMs / 1000).toFixed(2)} s after its answer (limit ${WITHIN_MS / 1000} s); ${before} let in before, ${known.length - before} then, ${refused.length} refused`
  const isMet = before >= ENOUGH && all.length - before >= ENOUGH
  return { what, is, holds: lastMs < WITHIN_MS && isMet && refused.length > 0 }
}

/** Shuts somebody out who asks everywhere all the time, and watches for when that is so everywhere. */
async function shutOut(what: string, { urls }: Fleet, given: Shutting): Promise<{ told: Told[]; figure: Figure }> {
  const hammering = hammer(urls, given.authorization, given.caller)
  while (hammering.all.length < ENOUGH) await Bun.sleep(PAUSE_MS)
  const at = await given.act()
  await Bun.sleep(WATCHED_MS)
  await hammering.stop()
  return { told: hammering.all, figure: reached(`${what}: last let in`, hammering.all, at, given.code) }
}

interface Shutting {
  readonly authorization: string
  readonly caller: string
  readonly code: string
  act(): Promise<number>
}

/** A key revoked, a session ended, and a caller banned who has a stream through each worker. */
export async function shuttingOut({ fleet, backend, ground }: Scene) {
  const { urls, population } = fleet
  const [one = '', two = '', three = ''] = urls
  const [keyed, signedIn, banned] = await Promise.all(
    ['keyed', 'signed-in', 'banned'].map(name => population.person(name)),
  )
  if (!keyed || !signedIn || !banned) throw new Error('nobody is there')
  const admin = (await ground.bearer('root', 'admin')).authorization
  const streams = await streamThroughEach(banned, fleet, backend)
  let bannedAt = 0
  const ban = async () => {
    bannedAt = await act(three, `POST /v1/admin/owners/${banned.owner}/ban`, admin, '{"reason":"prove"}')
    return bannedAt
  }
  const all = await Promise.all([
    shutOut('a revoked key', fleet, {
      ...{ authorization: keyed.key.authorization, caller: keyed.name, code: 'key_not_found' },
      act: () => act(one, `DELETE /v1/users/me/keys/${keyed.key.id}`, keyed.session.authorization),
    }),
    shutOut('an ended session', fleet, {
      ...{ authorization: signedIn.session.authorization, caller: signedIn.name, code: 'session_not_found' },
      act: () => act(two, `DELETE /v1/users/me/sessions/${signedIn.session.id}`, signedIn.session.authorization),
    }),
    shutOut('a ban', fleet, {
      ...{ authorization: banned.key.authorization, caller: banned.name, code: 'account_restricted', act: ban },
    }),
  ])
  const cut = await Promise.all(streams.open.map(stream => Promise.race([stream.told, Bun.sleep(0)])))
  for (const stream of streams.open) stream.leave()
  const ended = cut.flatMap(one => (one && !one.isWhole ? one.endedAt - bannedAt : []))
  const lastMs = Math.max(...ended)
  const is = `${ended.length} of ${cut.length}, one through each worker, the last ${(lastMs / 1000).toFixed(2)} s after it (limit ${WITHIN_MS / 1000} s)`
  const holds = ended.length === cut.length && lastMs < WITHIN_MS && cut.length === fleet.workers().length
  return {
    figures: [...all.map(({ figure }) => figure), { what: 'streams cut by a ban:', is, holds }],
    told: [
      ...all.flatMap(({ told }) => told),
      ...(await Promise.all([...streams.open, ...streams.left].map(one => one.told))),
    ],
  }
}

/** Opens streams until each worker has one, and leaves those beyond. */
async function streamThroughEach(person: Person, { urls, workers, workerOf }: Fleet, backend: ChatBackend) {
  const through = new Map<number, Chat>()
  const left: Chat[] = []
  for (let turn = 0; through.size < workers().length; turn++) {
    const url = urls[turn % urls.length] ?? ''
    const stream = chat(url, person.key.authorization, { caller: person.name, holdMs: LONG_MS })
    if ((await stream.status) !== 200) {
      left.push(stream)
      await Bun.sleep(1000)
      continue
    }
    const worker = () => workerOf(backend.visits.get(stream.number))
    while (worker() === undefined) await Bun.sleep(PAUSE_MS)
    if (through.has(worker() ?? 0)) {
      left.push(stream)
      stream.leave()
    } else through.set(worker() ?? 0, stream)
  }
  return { open: [...through.values()], left }
}

/** A model that nobody may ask any more, while the crowd asks it. */
export async function retiring({ fleet: { urls }, ground, crowd }: Scene): Promise<Figure> {
  const admin = (await ground.bearer('root', 'admin')).authorization
  const [, model] = MODELS
  const at = await act(urls[1] ?? '', 'PATCH /v1/admin/models', admin, JSON.stringify({ [model]: { public: false } }))
  await Bun.sleep(WATCHED_MS)
  // Whoever asks too often is refused before anybody looks which model it is.
  const asked = crowd.filter(one => one.model === model && one.status !== 429)
  return reached('a model that is shut: last asked', asked, at, 'model_not_available')
}

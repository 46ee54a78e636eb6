import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { claim, type Figure, type Gateway, type Ground } from './kit/claim.ts'
import { type Admitted, windowsOf } from './kit/law.ts'
import { upstream } from './kit/wire.ts'

const KILLS = 50
const START_LIMIT_MS = 2000
const UNDER_LOAD_MS = 250
const CALLERS = ['ada', 'bob', 'eve', 'sam']
const AT_ONCE = 3
const RPM = 600
const BURST = 10
const STEP_MS = 60_000 / RPM

await claim(
  {
    name: 'kill-9',
    says: `${KILLS} × kill -9 under load, two gateways on one file, neither slow a start nor loosen the limit nor harm the file`,
    withinSeconds: 150,
  },
  prove,
)

async function prove(ground: Ground): Promise<Figure[]> {
  const asked = new Map<string, { caller: string; at: number }>()
  const admitted: Admitted[] = []
  const behind = ground.also(await recording(asked, admitted))
  const env = { DATABASE_URL: 'sqlite:kill.db', RATE_LIMIT_RPM: String(RPM), RATE_LIMIT_BURST: String(BURST) }
  const begun = () => ground.gateway(behind.url, env)
  const gateways = [await begun(), await begun()]
  const load = await under(gateways, asked, ground)
  const began = Date.now()
  const starts: number[] = []
  for (let kill = 0; kill < KILLS; kill++) {
    await Bun.sleep(UNDER_LOAD_MS * Math.random() * 2)
    // Every fifth time both at once, so that nobody is left who has the file open.
    const fallen = kill % 5 === 4 ? [0, 1] : [kill % 2]
    for (const index of fallen) gateways[index]?.signal('SIGKILL')
    for (const index of fallen) {
      const at = performance.now()
      gateways[index] = await begun()
      starts.push(performance.now() - at)
    }
  }
  const refused = await load.stop()
  const seconds = (Date.now() - began) / 1000
  for (const gateway of gateways) gateway.signal('SIGKILL')
  await Promise.all(gateways.map(({ exited }) => exited))
  return [slowest(starts), law(admitted, refused, seconds), integrity(join(ground.directory, 'kill.db'))]
}

/** An upstream that notes when which request arrived. */
function recording(asked: Map<string, { caller: string; at: number }>, admitted: Admitted[]) {
  return upstream(async wire => {
    for (;;) {
      const head = await wire.head()
      const request = asked.get(/^x-request-id: (\S+)/im.exec(head)?.[1] ?? '')
      if (request) admitted.push({ caller: request.caller, asked: request.at, arrived: Date.now() })
      await wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}')
    }
  })
}

/** Callers who ask as often as they can, whichever gateway stands; in the end, how often they were refused. */
async function under(gateways: Gateway[], asked: Map<string, { caller: string; at: number }>, ground: Ground) {
  let going = true
  let refused = 0
  const call = async (caller: string, authorization: string) => {
    while (going) {
      const id = crypto.randomUUID()
      const { url } = gateways[Math.random() < 0.5 ? 0 : 1] ?? {}
      asked.set(id, { caller, at: Date.now() })
      const answer = await fetch(`${url}/v1/models`, { headers: { authorization, 'x-request-id': id } }).catch(
        () => null,
      )
      if (answer?.status === 429) refused++
      await answer?.arrayBuffer().catch(() => null)
      await Bun.sleep(answer?.status === 200 ? 0 : 10)
    }
  }
  const calling: Promise<void>[] = []
  for (const caller of CALLERS) {
    const { authorization } = await ground.bearer(caller)
    for (let one = 0; one < AT_ONCE; one++) calling.push(call(caller, authorization))
  }
  return {
    stop: async () => {
      going = false
      await Promise.all(calling)
      return refused
    },
  }
}

function slowest(starts: readonly number[]): Figure {
  const worst = Math.max(...starts)
  const median = starts.toSorted((a, b) => a - b)[Math.floor(starts.length / 2)] ?? 0
  const is = `${worst.toFixed(0)} ms to the first 200 on /readyz (limit ${START_LIMIT_MS} ms), median ${median.toFixed(0)} ms`
  return { what: `slowest of ${starts.length} starts:`, is, holds: worst < START_LIMIT_MS }
}

function law(admitted: readonly Admitted[], refused: number, seconds: number): Figure {
  const { windows, least } = windowsOf(admitted, { burst: BURST, stepMs: STEP_MS })
  const allowed = CALLERS.length * (BURST + (seconds * 1000) / STEP_MS)
  const whole = `${admitted.length} admitted of at most ${allowed.toFixed(0)} in ${seconds.toFixed(0)} s, ${refused} refused`
  // Callers who did not exhaust their buckets would show nothing.
  const busy = refused > 100 && admitted.length > allowed / 3
  return {
    what: 'the limiter’s law:',
    is: `kept with ${least.toFixed(2)} requests to spare in the tightest of ${windows} windows (limit 0); ${whole}`,
    holds: least >= 0 && busy,
  }
}

function integrity(path: string): Figure {
  const file = new Database(path)
  const said = file.query<{ integrity_check: string }, []>('PRAGMA integrity_check').all()
  const { rows } = file.query<{ rows: number }, []>('SELECT count(*) AS rows FROM limits').get() ?? { rows: 0 }
  file.close()
  const is = said.map(({ integrity_check }) => integrity_check).join('; ')
  return { what: 'PRAGMA integrity_check of the database:', is, holds: is === 'ok' && rows === CALLERS.length }
}

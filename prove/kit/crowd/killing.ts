import type { Figure, Ground } from '../claim.ts'
import type { ChatBackend } from './backend.ts'
import { type Chat, chat, type Told } from './chat.ts'
import { type Fleet, workersOf } from './fleet.ts'

const FREE_MS = 30_000
// A lease lasts 25 s from its last renewal: by now it is over, and the caller has rate tokens for all at once.
const FROM_MS = 25_500
const AGAIN_MS = 1500
const LOOK_MS = 20
const LONG_MS = 120_000

/** A worker that is no more: when it was killed, and when its clients saw that; on a busy machine a second lies between. */
export interface Killed {
  readonly pid: number
  readonly at: number
  readonly goneAt: number
}

/** Has a caller hold all that it may, kills the worker with the most of it, and waits until as much may be held again. */
export async function killing(
  limit: number,
  { gateways, urls, workerOf }: Fleet,
  backend: ChatBackend,
  ground: Ground,
) {
  const [gateway] = gateways
  if (!gateway) throw new Error('no gateway')
  const { authorization } = await ground.bearer('holder')
  const begun = (url: string) => chat(url, authorization, { caller: 'holder', holdMs: LONG_MS })
  const told: Told[] = []
  const held = Array.from({ length: limit }, () => begun(gateway.url))
  for (const { status } of held) if ((await status) !== 200) throw new Error('the limit was reached too early')
  const beyond = await begun(gateway.url).told
  told.push(beyond)

  const workerOfChat = ({ number }: Chat) => workerOf(backend.visits.get(number))
  while (held.some(one => workerOfChat(one) === undefined)) await Bun.sleep(LOOK_MS)
  const byWorker = [...Map.groupBy(held, workerOfChat)].sort(([, a], [, b]) => b.length - a.length)
  const [[pid = 0, lost] = [0, []]] = byWorker
  const at = Date.now()
  process.kill(pid, 'SIGKILL')
  told.push(...(await Promise.all(lost.map(one => one.told))))
  const killed: Killed = { pid, at, goneAt: Date.now() }
  const since = () => Date.now() - at
  const isReplaced = () => workersOf(gateway).length === byWorker.length && !workersOf(gateway).includes(pid)
  const listens = () => gateway.output().split('listening port').length > byWorker.length + 1
  while (!(isReplaced() && listens())) await Bun.sleep(LOOK_MS * 5)
  const replacedMs = since()

  const later = async () => {
    const again: Chat[] = []
    await Bun.sleep(Math.max(0, FROM_MS - since()))
    while (again.length < lost.length && since() < FREE_MS) {
      const tries = lost.slice(again.length).map((_, at) => begun(urls[at % urls.length] ?? ''))
      for (const one of tries)
        if ((await one.status) === 200) again.push(one)
        else told.push(await one.told)
      if (again.length < lost.length) await Bun.sleep(AGAIN_MS)
    }
    const freeMs = since()
    const ending = [...held.filter(one => !lost.includes(one)), ...again]
    for (const one of ending) one.leave()
    told.push(...(await Promise.all(ending.map(one => one.told))))
    return figures({ held: held.length, lost: lost.length, again: again.length, freeMs, replacedMs, beyond })
  }
  return { killed, told, freed: later() }
}

interface Found {
  held: number
  lost: number
  again: number
  freeMs: number
  replacedMs: number
  beyond: Told
}

function figures({ held, lost, again, freeMs, replacedMs, beyond }: Found): Figure[] {
  const isFull = beyond.code === 'concurrent_limit_exceeded'
  return [
    {
      what: 'slots of a killed worker:',
      is: `${again} of ${lost} free after ${(freeMs / 1000).toFixed(1)} s (limit ${FREE_MS / 1000} s), of ${held} that a caller had`,
      holds: isFull && lost > 0 && again === lost && freeMs < FREE_MS,
    },
    { what: 'a killed worker', is: `is replaced by one that listens after ${replacedMs} ms`, holds: true },
  ]
}

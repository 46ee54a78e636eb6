import { type Kit, type KitOptions, startGateway } from './gateway.ts'
import { rawRequest, rawUpstream, type Wire } from './raw.ts'
import { answerBytes } from './stage.ts'

/** What came back for some bytes. */
export interface Outcome {
  /** The final statuses, one for each answer. */
  readonly statuses: readonly number[]
  readonly text: string
  readonly ended: 'open' | 'fin' | 'reset'
}

/** Sends exactly these bytes on a connection of their own and listens until an answer is whole, and so long after it. */
export async function hurl(url: string, bytes: string, lingerMs = 0): Promise<Outcome> {
  const wire = await rawRequest(url, bytes)
  const whole = bytes.startsWith('HEAD ') ? wire.seen('\r\n\r\n') : answered(wire)
  await whole.catch(() => undefined)
  if (/\r\nconnection: close\r\n/i.test(wire.text)) await wire.gone().catch(() => undefined)
  await Bun.sleep(wire.ended === 'open' ? lingerMs : 0)
  const { text, ended } = wire
  const statuses = [...text.matchAll(/HTTP\/1\.1 ([2-5]\d\d) /g)].map(([, status]) => Number(status))
  wire.reset()
  return { statuses, text, ended }
}

async function answered(wire: Wire): Promise<void> {
  const { head } = await wire.message()
  if (/^HTTP\/1\.1 1/.test(head)) await wire.message()
}

/** A gateway under attack, and an upstream that keeps every request that reaches it, byte for byte. */
export interface Target {
  readonly kit: Kit
  readonly url: string
  /** Whole requests, in the order in which they were heard. */
  readonly heard: readonly string[]
  /** Where the upstream listens, as its `Host` must say. */
  readonly authority: string
  /** A good `Authorization` line. */
  readonly signed: string
  forget(): void
  stop(): Promise<void>
}

type Options = Partial<KitOptions> & { isCloud?: boolean }

/** Starts both; the upstream answers 200 `{}` to whatever it hears whole, and is the cloud too where there shall be one. */
export async function target({ isCloud, ...options }: Options = {}): Promise<Target> {
  const heard: string[] = []
  const upstream = await rawUpstream(async wire => {
    while (wire.ended === 'open') {
      // A kept connection may be quiet for longer than a wire's patience.
      const { head, body } = await wire.message().catch(() => ({ head: '', body: '' }))
      if (head === '') continue
      heard.push(head + body)
      const answer = answerBytes('200 OK', { 'Content-Type': 'application/json' }, '{}')
      await wire.send(head.startsWith('HEAD ') ? answer.slice(0, -2) : answer)
    }
  })
  const kit = await startGateway({
    upstream: `${upstream.url}/prefix`,
    ...(isCloud && { cloud: upstream.url }),
    ...options,
  })
  const { authorization } = await kit.bearer()
  return {
    kit,
    url: kit.url,
    heard,
    authority: `127.0.0.1:${upstream.port}`,
    signed: `Authorization: ${authorization}\r\n`,
    forget: () => {
      heard.length = 0
    },
    stop: async () => {
      await kit.stop()
      await upstream.stop()
    },
  }
}

export const HOST = 'Host: gateway.test\r\n'

/** Statuses by which a gateway refuses what it will not read. */
export const REFUSALS: ReadonlySet<number> = new Set([400, 404, 405, 413, 417, 431, 501, 505])

import { expect } from 'bun:test'
import { calls } from '../../src/upstream/call.ts'
import { type Clock, clockAt } from './clock.ts'
import { type Counting, countingUpstream } from './counting.ts'
import { AUDIENCE, ISSUER, type Kit, startGateway } from './gateway.ts'
import { type Published, publish, type Signer, signer } from './jwt.ts'
import { rawRequest } from './raw.ts'

const { call } = calls()

/** How far a refused token came: `claims` is behind the signature, everything else before it. */
export type Stage = 'missing' | 'form' | 'key' | 'signature' | 'claims'

interface Refusal {
  readonly stage: Stage
  readonly code: string
  readonly message: string
}

/** A gateway under attack, in front of an upstream that counts, with a key set that a test may poison. */
export interface Siege {
  readonly kit: Kit
  readonly upstream: Counting
  readonly published: Published
  readonly clock: Clock
  /** The issuer whose key is in the set from the beginning. */
  readonly issuer: Signer
  /** Good claims at the siege's time; `more` replaces some. */
  claims(more?: object): Record<string, unknown>
  /** Asks for the models with these headers. */
  ask(headers: Record<string, string>): Promise<Response>
  /** Asks with this token. */
  show(token: string): Promise<Response>
  /** Shows a new good token, which must be let in. */
  letsIn(): Promise<void>
  /** Sends it to both routes, which must refuse it alike, send nothing up, and let the next good token in. */
  repels(token: string): Promise<Refusal>
  /** The same of whole headers. */
  repelsHeaders(headers: Record<string, string>): Promise<Refusal>
  /** Writes these header lines of a request as they are and gives the status, which must refuse them. */
  repelsLines(...lines: string[]): Promise<number>
}

interface Options {
  /** The key set's entries; the issuer's key alone unless given. */
  entries?: (issuer: Signer) => unknown[]
  /** What the key set's server says first; the entries unless given. */
  answer?: Published['answer']
  /** Milliseconds for the key set to arrive. */
  keysWithinMs?: number
  expected?: { issuer: string | undefined; audiences: readonly string[] }
}

/** Lays sieges and lifts them all. */
export function sieges() {
  const running: { stop(): Promise<void> }[] = []
  return {
    lay: async ({ entries = ({ jwk }) => [jwk], answer, keysWithinMs = 10_000, expected }: Options = {}) => {
      const issuer = await signer('good')
      const upstream = countingUpstream()
      const published = publish(...entries(issuer))
      if (answer) published.answer = answer
      const clock = clockAt()
      const kit = await startGateway({
        upstream: upstream.url,
        jwksUrl: published.url,
        now: clock.now,
        call: asked => call({ ...asked, withinMs: Math.min(keysWithinMs, asked.withinMs) }),
        ...(expected && { expected }),
      })
      running.push(kit, upstream, published)
      return siege({ kit, upstream, published, clock, issuer })
    },
    /** Something else to be stopped in the end. */
    also: <T extends { stop(): Promise<void> }>(part: T): T => {
      running.push(part)
      return part
    },
    lift: async () => {
      await Promise.all(running.splice(0).map(part => part.stop()))
    },
  }
}

function siege(parts: Pick<Siege, 'kit' | 'upstream' | 'published' | 'clock' | 'issuer'>): Siege {
  const { kit, upstream, clock, issuer } = parts
  const claims = (more: object = {}) => ({
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'ada',
    scope: 'inference',
    exp: clock.now() / 1000 + 600,
    ...more,
  })
  const ask = (headers: Record<string, string>) => fetch(`${kit.url}/v1/models`, { headers })
  const chat = (headers: Record<string, string>) =>
    fetch(`${kit.url}/v1/chat/completions`, { method: 'POST', headers, body: '{"messages":[]}' })
  const show = (token: string) => ask({ authorization: `Bearer ${token}` })

  async function letsIn(): Promise<void> {
    const before = upstream.requests.length
    expect((await show(await issuer.sign(claims()))).status).toBe(200)
    expect(upstream.requests).toHaveLength(before + 1)
  }

  async function repelsHeaders(headers: Record<string, string>): Promise<Refusal> {
    const before = upstream.requests.length
    const answers = await Promise.all([ask(headers), chat(headers)])
    const texts = await Promise.all(answers.map(answer => answer.text()))
    expect(answers.map(({ status }) => status)).toEqual([401, 401])
    expect(answers[0]?.headers.get('www-authenticate')).toStartWith('Bearer')
    expect(texts[1]).toBe(texts[0] ?? '')
    const token = headers['authorization']?.replace(/^\S+\s+/, '') ?? ''
    if (token.length > 20) expect(texts[0]).not.toContain(token)
    expect(upstream.requests).toHaveLength(before)
    await letsIn()
    return refusal(texts[0] ?? '')
  }

  return {
    ...parts,
    claims,
    ask,
    show,
    letsIn,
    repelsHeaders,
    repels: token => repelsHeaders({ authorization: `Bearer ${token}` }),
    repelsLines: async (...lines) => {
      const before = upstream.requests.length
      const head = ['GET /v1/models HTTP/1.1', 'Host: gateway.test', ...lines, '', ''].join('\r\n')
      const wire = await rawRequest(kit.url, head)
      const text = await wire.until(said => said.includes('\r\n\r\n'))
      wire.reset()
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1])
      expect(status).toBeOneOf([400, 401, 431])
      expect(upstream.requests).toHaveLength(before)
      await letsIn()
      return status
    },
  }
}

function refusal(text: string): Refusal {
  const { code, message } = JSON.parse(text).error
  return { stage: stageOf(code, message), code, message }
}

function stageOf(code: string, message: string): Stage {
  if (code === 'token_missing') return 'missing'
  if (code === 'token_unknown_key') return 'key'
  if (code === 'token_bad_signature') return 'signature'
  return code === 'token_malformed' && !message.startsWith('Malformed claims') ? 'form' : 'claims'
}

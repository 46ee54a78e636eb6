import { Problem } from '../protocol/problem.ts'
import { type LogEvent, readEvents } from './event-log.ts'
import { parseQuote } from './quote.ts'
import { hexIn, objectIn, optionalTextIn, textIn, textsIn } from './replies.ts'
import type { Reach } from './sockets.ts'

const WITHIN_MS = 5000

/** What an agent tells of the machine and of the application in it. */
export interface Info {
  /** All of it, as it came. */
  readonly told: Readonly<Record<string, unknown>>
  /** Hex; empty where an agent is too old to say. */
  readonly appId: string
  /** The bytes of `app-compose.json`, as a text; empty where it is not told. */
  readonly appCompose: string
}

/** A quote, and what it takes to understand it. */
export interface Quoted {
  readonly quote: Uint8Array
  /** JSON, as it came. */
  readonly eventLog: string
  readonly events: readonly LogEvent[]
  /** JSON, as it came; absent before dstack 0.5.4. */
  readonly vmConfig: string | undefined
}

/** A key for TLS, and the certificates that go with it, the server's own first. */
export interface TlsKey {
  /** PKCS #8, PEM. */
  readonly key: string
  /** PEM. */
  readonly chain: readonly string[]
}

/** The guest agent of a dstack CVM. Every method throws `agent_unavailable`, `agent_timeout` or `agent_failed`. */
export interface Agent {
  info(): Promise<Info>
  /** A quote over these 64 bytes. @throws Problem `quote_mismatch` when it is over others. */
  quote(reportData: Uint8Array): Promise<Quoted>
  /** The 32 bytes that the application's key derives for a path; `purpose` and algorithm do not tell keys apart. */
  key(path: string): Promise<Uint8Array>
  /** A fresh key, with a certificate for these names. */
  tlsKey(subject: string, altNames: readonly string[]): Promise<TlsKey>
  /** The agent's version; `undefined` before 0.5.7. */
  version(): Promise<string | undefined>
}

/** A client of the agent's RPC (dstack's prpc in JSON), which checks what it is told. */
export function agent(reach: Reach, withinMs = WITHIN_MS): Agent {
  async function exchange(method: string, body: string): Promise<Response> {
    const signal = AbortSignal.timeout(withinMs)
    try {
      return await reach(method, body, signal)
    } catch (error) {
      if (!signal.aborted) throw error
      throw new Problem('agent_timeout', 'The guest agent of this TEE did not answer in time.', { cause: error })
    }
  }

  async function ask(method: string, asked: object): Promise<Readonly<Record<string, unknown>>> {
    const response = await exchange(method, JSON.stringify(asked))
    // What it says of its refusal is nobody's to read: it may quote what it was asked for.
    if (response.status !== 200) throw failed(`refused ${method} with status ${response.status}`)
    return objectIn(method, await response.text())
  }

  return {
    info: async () => {
      const told = await ask('Info', {})
      return { told, appId: optionalTextIn(told, 'app_id') ?? '', appCompose: appComposeIn(told) }
    },
    quote: async reportData => {
      const asked = Buffer.from(reportData).toString('hex')
      const told = await ask('GetQuote', { report_data: asked })
      const quote = hexIn(told, 'quote')
      const isOurs = (optionalTextIn(told, 'report_data') ?? asked) === asked
      if (!isOurs || Buffer.compare(parseQuote(quote).body.reportData, reportData) !== 0)
        throw new Problem('quote_mismatch', 'The guest agent quoted other report data than it was asked for.')
      const eventLog = textIn(told, 'event_log')
      return { quote, eventLog, events: readEvents(eventLog), vmConfig: optionalTextIn(told, 'vm_config') }
    },
    key: async path => {
      const key = hexIn(await ask('GetKey', { path, purpose: '', algorithm: '' }), 'key')
      if (key.length !== 32) throw failed(`gave a key of ${key.length} bytes, not 32`)
      return key
    },
    tlsKey: async (subject, altNames) => {
      const names = { subject, alt_names: altNames }
      const told = await ask('GetTlsKey', { ...names, usage_ra_tls: true, usage_server_auth: true })
      return { key: textIn(told, 'key'), chain: textsIn(told, 'certificate_chain') }
    },
    version: async () => {
      // An agent without this method says so with a 400.
      const response = await exchange('Version', '{}')
      return response.status === 200 ? optionalTextIn(objectIn('Version', await response.text()), 'version') : undefined
    },
  }
}

/** An agent tells of its TCB in JSON inside JSON, others in an object; one that keeps it to itself in an empty text. */
function appComposeIn({ tcb_info: tcb = '' }: Readonly<Record<string, unknown>>): string {
  if (tcb === '') return ''
  const inner = objectIn('tcb_info', typeof tcb === 'string' ? tcb : JSON.stringify(tcb))
  return optionalTextIn(inner, 'app_compose') ?? ''
}

function failed(how: string): Problem {
  return new Problem('agent_failed', `The guest agent of this TEE ${how}.`)
}

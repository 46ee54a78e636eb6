import { bodyOf } from '../booked.ts'
import type { Ask } from './asking.ts'

const HURRIED = 4
const STREAMING = 3
const WRITING = 3
// More than a caller may have open.
const STREAMS = 6
const HURRY = 3
// So that a writer makes fewer keys than a user may have, and stays below their rate.
const WRITE_MS = 500
// So that a key is older than its revocation, by seconds.
const DOOMED = 8
const SETTINGS = '/v1/users/me/settings'
const SIGN_IN_MS = 150
const AGAIN_MS = 50

/** What was acknowledged to those who wrote. */
export interface Acknowledged {
  readonly keys: { readonly id: string; readonly key: string }[]
  readonly revoked: string[]
  readonly sessions: string[]
  /** Ids of receipts that answers told, and who asked. */
  readonly receipts: Map<string, Account>
  /** Of each writer. */
  readonly prompts: Map<Account, Prompts>
}

/** The prompts that one writer set: they count up. */
interface Prompts {
  /** The last one that was acknowledged, and the last that was sent. */
  readonly acknowledged: number
  readonly sent: number
  /** How often one was acknowledged, and how often an older one was found after that. */
  readonly times: number
  readonly lost: number
}

/** Who asks, and by what. */
export interface Account {
  readonly caller: string
  readonly authorization: string
}

interface Deps {
  readonly ask: Ask
  readonly bearer: (subject: string) => Promise<{ authorization: string }>
  /** Whose requests reached the enclave: by their numbers. */
  readonly hasReached: (number: number) => boolean
}

/** One stream from its first byte to its last, in milliseconds since the epoch. */
export interface Streamed {
  readonly from: number
  readonly to: number
  readonly isWhole: boolean
}

/** Callers who chat, stream, make keys, sign in and change settings, until they are told to stop. */
export async function load({ ask, bearer, hasReached }: Deps) {
  const done: Acknowledged = { keys: [], revoked: [], sessions: [], receipts: new Map(), prompts: new Map() }
  const streams: Streamed[] = []
  const callers = new Map<number, string>()
  let going = true
  let next = 0

  /** One chat, sent again until it reaches the enclave. */
  async function chat(account: Account, kind: 'json' | 'stream'): Promise<void> {
    const number = next++
    callers.set(number, account.caller)
    const headers = { 'x-tinfoil-model': kind, 'content-type': 'application/json' }
    while (going && !hasReached(number)) {
      const from = Date.now()
      const said = await ask({ ...account, line: 'POST /v1/chat/completions', headers, body: bodyOf(number) })
      if (said?.receipt) done.receipts.set(said.receipt, account)
      if (said?.status !== 200) await Bun.sleep(AGAIN_MS)
      else if (kind === 'stream') streams.push({ from, to: Date.now(), isWhole: said.text.endsWith('[DONE]\n\n') })
    }
  }

  const again = async (act: () => Promise<unknown>) => {
    while (going) await act()
  }
  const signIn = async (name: string) => {
    const body = JSON.stringify({ email: `${name}@example.com` })
    const said = await ask({ caller: name, line: 'POST /v1/auth/mock-login', body })
    return said?.status === 200 ? String(JSON.parse(said.text).session_token) : undefined
  }
  const account = async (caller: string) => ({ caller, authorization: `Bearer ${await signIn(caller)}` })

  const working: Promise<unknown>[] = []
  for (let at = 0; at < HURRIED; at++) {
    const hurried = { caller: `hurried-${at}`, ...(await bearer(`hurried-${at}`)) }
    for (let one = 0; one < HURRY; one++) working.push(again(() => chat(hurried, 'json')))
  }
  for (let at = 0; at < STREAMING; at++) {
    const streaming = await account(`streaming-${at}`)
    for (let one = 0; one < STREAMS; one++) working.push(again(() => chat(streaming, 'stream')))
  }
  for (let at = 0; at < WRITING; at++) {
    const write = writer(ask, await account(`writing-${at}`), done)
    working.push(again(write))
  }
  let guests = 0
  const guest = async () => {
    const session = await signIn(`guest-${guests++}`)
    if (session) done.sessions.push(session)
    await Bun.sleep(SIGN_IN_MS)
  }
  working.push(again(guest))
  return {
    done,
    streams,
    /** Whose request it is. */
    callers,
    stop: async () => {
      going = false
      await Promise.all(working)
    },
  }
}

/** Makes a key to keep and one to revoke later, revokes an older one, and changes the prompt it finds. */
function writer(ask: Ask, account: Account, { keys, revoked, prompts }: Acknowledged): () => Promise<void> {
  const prompt = { acknowledged: 0, sent: 0, times: 0, lost: 0 }
  prompts.set(account, prompt)
  const doomed: { id: string; key: string }[] = []
  let named = 0

  async function make(list: { id: string; key: string }[]): Promise<void> {
    const body = JSON.stringify({ name: `${account.caller} ${named++}` })
    const said = await ask({ ...account, line: 'POST /v1/users/me/keys', body })
    if (said?.status === 201) list.push(JSON.parse(said.text))
  }
  async function set(): Promise<void> {
    const found = await ask({ ...account, line: `GET ${SETTINGS}` })
    if (found?.status === 200 && promptIn(found.text) < prompt.acknowledged) prompt.lost++
    const body = JSON.stringify({ system_prompt: String(++prompt.sent) })
    const changed = await ask({ ...account, line: `PATCH ${SETTINGS}`, body })
    if (changed?.status !== 200) return
    prompt.acknowledged = prompt.sent
    prompt.times++
  }
  return async () => {
    await make(keys)
    await make(doomed)
    const old = doomed.length > DOOMED && doomed.shift()
    const gone = old && (await ask({ ...account, line: `DELETE /v1/users/me/keys/${old.id}` }))
    if (gone && gone.status === 204) revoked.push(old.key)
    await set()
    await Bun.sleep(WRITE_MS)
  }
}

/** The number that a writer set; 0 before the first. */
export const promptIn = (text: string) => Number(JSON.parse(text).settings.system_prompt ?? 0)

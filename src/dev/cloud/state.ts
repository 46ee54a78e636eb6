import type { Json } from './call.ts'
import type { Item } from './item.ts'
import { Shelf } from './shelf.ts'

export interface Conversation {
  readonly id: string
  readonly created_at: number
  metadata: Json
  readonly items: Shelf<Item>
}

/** A response as it is answered, with what is not part of its JSON. */
export interface Kept {
  readonly id: string
  body: Json & { status: string }
  readonly input: readonly Item[]
  /** All that a response which follows this one is given. */
  context: readonly Item[]
}

export interface Upload {
  readonly id: string
  readonly bytes: number
  readonly created_at: number
  readonly expires_at?: number
  readonly filename: string
  readonly purpose: string
  readonly type: string
  /** The beginning; all of it, if it has `bytes`. */
  readonly beginning: Uint8Array
}

/** All that the stand-in remembers, until it stops. */
export interface State {
  readonly conversations: Shelf<Conversation>
  readonly responses: Shelf<Kept>
  readonly files: Shelf<Upload>
  /** `<sha256 of the request>:<sha256 of the answer>` by the id of what was answered. */
  readonly signed: Map<string, string>
  /** What was made under an `Idempotency-Key`, as it was answered. */
  readonly made: Map<string, object>
}

export function emptyState(): State {
  return {
    conversations: new Shelf('conv_', 'Conversation'),
    responses: new Shelf('resp_', 'Response'),
    files: new Shelf('file-', 'File'),
    signed: new Map(),
    made: new Map(),
  }
}

/** How answers are made. */
export interface Manner {
  /** Milliseconds between two events of a stream. */
  readonly pace: number
  readonly sleep: (ms: number) => Promise<void>
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Whether an `Idempotency-Key` means nothing. */
  readonly isForgetful: boolean
}

/** Whole seconds since 1970. */
export const secondsOf = ({ now }: Pick<Manner, 'now'>): number => Math.floor(now() / 1000)

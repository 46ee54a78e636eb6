import { jsonOf } from '../../protocol/held.ts'

/** A file as a backend tells it when it is there; what else it says is not kept. */
export interface File {
  readonly id: string
  readonly bytes: number
  /** In seconds since the epoch. */
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly filename: string
  readonly purpose: string
}

/** What an answer tells of the file of that id; of what it does not tell, nothing, and the time is `now`, in milliseconds. */
export function fileIn(id: string, answer: Uint8Array, now: number): File {
  const { bytes, created_at, expires_at, filename, purpose } = Object(jsonOf(Buffer.from(answer)))
  return {
    id,
    bytes: whole(bytes) ?? 0,
    createdAt: second(created_at) ?? Math.floor(now / 1000),
    expiresAt: second(expires_at) ?? null,
    filename: text(filename),
    purpose: text(purpose),
  }
}

/** A file as OpenAI tells it. */
export function shown({ id, bytes, createdAt, expiresAt, filename, purpose }: File) {
  const expiry = expiresAt === null ? {} : { expires_at: expiresAt }
  return { object: 'file', id, bytes, created_at: createdAt, ...expiry, filename, purpose }
}

const whole = (value: unknown) => (Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined)
// The last moment that a Date knows.
const second = (value: unknown) => (Number(value) <= 8_640_000_000_000 ? whole(value) : undefined)
const text = (value: unknown) => (typeof value === 'string' ? value : '')

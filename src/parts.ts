import type { SignInOptions } from './features/auth/flow.ts'
import type { FrontendOptions } from './features/frontend/routes.ts'
import type { AdminRule } from './gate/admins.ts'
import type { SessionDays } from './gate/beginnings.ts'
import type { KeySet } from './gate/keyset.ts'
import type { Ledger } from './gate/ledger.ts'
import type { Limiter } from './gate/limiter.ts'
import type { Slots } from './gate/slots.ts'
import type { Log } from './protocol/log.ts'
import type { Meters } from './protocol/meters.ts'
import type { Passage } from './protocol/passages.ts'
import type { Expected } from './protocol/token.ts'
import type { Keys } from './store/keys.ts'
import type { Store } from './store/store.ts'
import type { SigningKeys } from './tee/signing.ts'
import type { IdentitySource, KeySource, Tee } from './tee/tee.ts'
import type { Backend } from './upstream/backends.ts'
import type { Call, Send } from './upstream/call.ts'
import type { CollateralOf } from './upstream/collateral.ts'
import type { Transport } from './upstream/transport.ts'

/** Everything a gateway is made of. */
export interface Parts {
  version: string
  /** The commit that it was built from, or `unknown`. */
  commit: string
  /** The SHA-256 of its file in hex, or nothing where that cannot be read; absent where it has none. */
  executable: (() => Promise<string | undefined>) | undefined
  log: Log
  /** Told of what is counted. */
  meters: Meters
  /** Milliseconds since the epoch. */
  now: () => number
  store: Store
  keys: Keys
  /** The TEE it runs in; absent outside one. */
  tee: Tee | undefined
  /** What Intel publishes about the machine of that TEE, to go with its quotes; absent where nobody is asked for it. */
  collateralOf: CollateralOf | undefined
  /** The keys that stand in what a TEE quotes. */
  signing: SigningKeys
  /** Where the root of the keys comes from. */
  keySource: KeySource
  /** Where the identity key comes from. */
  identitySource: IdentitySource
  /** The settings that reports state; no secret. */
  attested: Readonly<Record<string, unknown>>
  /** Days for which receipts are kept; with 0 none are made. */
  receiptDays: number
  /** Days for which what users did is kept. */
  activityDays: number
  /** The issuer's signing keys; absent where no JWT is taken. */
  keySet: KeySet | undefined
  /** What a token must be meant for. */
  expected: Expected
  /** How long sessions last. */
  sessionDays: SessionDays
  /** How people sign in; absent where nobody does. */
  signIn: SignInOptions | undefined
  /** Whether anyone on this machine may sign in as anybody. */
  mockLogin: boolean
  /** Who may administer. */
  admins: AdminRule
  /** Routes that are passed through to the backend that reads open bodies. */
  passages: readonly Passage[]
  /** Absent when the limit is off. */
  limiter: Limiter | undefined
  /** Absent when callers may have any number of requests open. */
  slots: Slots | undefined
  /** Requests that are forwarded at once. */
  maxInFlight: number
  /** The longest request body. */
  maxBodyBytes: number
  /** The longest form that brings a file. */
  maxFileBytes: number
  /** Where what callers use is booked. */
  ledger: Ledger
  /** Tokens that a caller may use in a UTC day; 0 sets no limit. */
  tokenLimit: number
  /** Enclaves that open sealed bodies; absent where none is configured. */
  sealed: Backend | undefined
  /** A backend that reads open bodies and keeps conversations; absent where none is configured. */
  open: Backend | undefined
  /** Patterns of the hosts that a client may name as its enclave. */
  enclaveHosts: readonly string[]
  /** Whether bodies may go up unsealed. */
  plaintext: boolean
  /** Origins whose pages may call. */
  origins: readonly string[]
  call: Call
  /** What asks others something small. */
  callOut: Send
  send: Transport
  /** Seconds after an answer in which a connection must bring its next request whole. */
  idleSeconds: number
  /** Milliseconds without a byte of its body after which a client is given up. */
  stallMs: number
  /** Milliseconds that an answer may take to begin. */
  headerMs: number
  /** The longest body that is read. */
  maxJsonBytes: number
  /** Networks of the proxies whose `X-Forwarded-For` is believed. */
  proxies: readonly string[]
  /** Where attestation bundles come from. */
  atcUrl: string
  /** Whether the documentation is served. */
  docs: boolean
  /** What people get in a browser. */
  frontend: FrontendOptions
}

import { type Head, readHead } from '../protocol/answer-head.ts'
import { Problem } from '../protocol/problem.ts'
import type { Line } from './line.ts'
import { Outbox } from './outbox.ts'
import { ProxyFault } from './proxy-fault.ts'
import { type Answer, type Inlet, Received } from './received.ts'

/** Who is told what comes of a request. */
export interface Told {
  /** The connection stands, TLS included. */
  reached(): void
  answered(answer: Answer): void
  /** It failed before its answer began; `untaken`: before the upstream took it up. */
  failed(problem: Problem, untaken: boolean): void
}

/** Where connections come from, and go when a request is done with them. */
export interface Home {
  /** Makes what it goes over; what comes of that is told later, never at once. */
  dial(connection: Connection): void
  /** It is free for another request. */
  keep(connection: Connection): void
  /** It was given up while it is made, which nothing can stop. */
  orphan(connection: Connection): void
  /** It is gone. */
  drop(connection: Connection): void
}

// Interim answers (100 to 199) say nothing that is passed on; no server has so many to say before the final one.
const MOST_INTERIM = 100
const ANSWERED: Told = { reached: () => undefined, answered: () => undefined, failed: () => undefined }
const HUNG_UP: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE'])

/** One connection to an upstream, of one request at a time. */
export class Connection implements Inlet {
  /** How long its server keeps it while it is free, in milliseconds, as far as that tells. */
  keptMs = Number.POSITIVE_INFINITY
  /** Until when it may be taken, by its site's clock. */
  freeUntil = 0
  /** What goes up by it. */
  readonly outbox = new Outbox()
  /** Whether the request is whole. */
  isSent = false
  /** Called once, when the request is over. */
  onOver: (() => void) | undefined
  readonly #home: Home
  #line: Line | undefined
  #told: Told | undefined
  #answer: Received | undefined
  #isHead = false
  #mayKeep = true
  #isDialing = false
  #isStanding = false
  #isReused = false
  #isPaused = false
  #hasHeard = false
  #interim = 0
  #held: Buffer | undefined

  constructor(home: Home) {
    this.#home = home
  }

  get isStanding(): boolean {
    return this.#isStanding
  }

  /** Gives it to a request; `mayKeep`: whether there may be another one after it. */
  begin(told: Told, isHead: boolean, mayKeep: boolean): void {
    this.#told = told
    this.#isHead = isHead
    this.#mayKeep = mayKeep
    this.#isReused = this.#isStanding
    this.#hasHeard = this.isSent = false
    this.#interim = 0
    this.outbox.reopen()
    this.#line?.ref()
    if (this.#isStanding || this.#isDialing) return
    this.#isDialing = true
    this.#home.dial(this)
  }

  /** Cuts it, and tells nobody. */
  abandon(): void {
    this.#over()?.terminate()
  }

  /** Ends it in good order. */
  leave(): void {
    this.#over()?.close()
  }

  flow(isWanted: boolean): void {
    this.#isPaused = !isWanted
    if (isWanted) this.#line?.resume()
    else this.#line?.pause()
  }

  /** The line is there, though TLS may have to be agreed upon. */
  made(line: Line): void {
    this.#isDialing = false
    this.#line = line
    if (!this.#told) this.abandon()
  }

  stands(): void {
    if (!(this.#told && this.#line)) return
    this.#isStanding = true
    this.outbox.open(this.#line)
    this.#told?.reached()
  }

  heard(bytes: Buffer): void {
    // Of what comes out of turn nothing is told to anybody.
    if (!this.#told) this.abandon()
    else if (!this.#isStanding) this.#fail(malformed())
    else if (this.#answer) this.#read(this.#answer, bytes, 0)
    else if (this.#held) this.#begin(Buffer.concat([this.#held, bytes]), this.#held.length)
    else this.#begin(bytes, 0)
  }

  /** It ended: in good order, or by what. */
  ended(isOrderly: boolean, cause?: Error): void {
    this.#isDialing = false
    const answer = this.#answer
    if (answer?.body.isUntilClose && isOrderly && !this.outbox.isBroken) this.#done(answer, false)
    else if (this.#told) this.#fail(unreachable(cause), this.#isUntaken(cause))
    else this.#over()
  }

  #begin(bytes: Buffer, seen: number): void {
    this.#hasHeard = true
    this.#held = undefined
    for (let rest = bytes; rest.length > 0; ) {
      const head = readHead(rest, rest === bytes ? seen : 0)
      if (head === 'partial') this.#held = rest
      else if (head === 'malformed' || head.status === 101) this.#fail(malformed())
      else if (head.status >= 200) this.#answered(head, rest)
      else if (++this.#interim > MOST_INTERIM) this.#fail(malformed())
      else {
        rest = rest.subarray(head.end)
        continue
      }
      return
    }
  }

  #answered(head: Head, bytes: Buffer): void {
    const hasBody = !this.#isHead && head.status !== 204 && head.status !== 304
    const answer = new Received(head, hasBody, this)
    this.#mayKeep &&= head.keeps && !answer.body.isUntilClose
    this.keptMs = keptMsIn(head)
    this.#answer = answer
    this.#told?.answered(answer)
    // An answer may take long, and who asked for it is much.
    if (this.#told) this.#told = ANSWERED
    this.#read(answer, bytes, head.end)
  }

  #read(answer: Received, bytes: Buffer, from: number): void {
    const { body } = answer
    const piece = body.read(bytes, from)
    if (!piece) {
      this.#fail(malformed())
      return
    }
    if (piece.length > 0) answer.push(piece)
    if (body.isOver) this.#done(answer, this.#mayKeep && body.rest === 0)
  }

  #done(answer: Received, mayKeep: boolean): void {
    // A byte after the end, or an answer before the request was whole, and nobody is served by it again.
    if (mayKeep && this.isSent && this.outbox.isEmpty && !this.outbox.isBroken) {
      if (this.#isPaused) this.flow(true)
      this.#told = this.#answer = undefined
      this.#line?.unref()
      this.#home.keep(this)
    } else this.leave()
    answer.end()
  }

  #fail(problem: Problem, untaken = false): void {
    const [told, answer] = [this.#told, this.#answer]
    this.abandon()
    if (answer) answer.break(problem)
    else told?.failed(problem, untaken)
  }

  // A kept connection that ends without a byte of an answer was being closed (RFC 9112 section 9.3.1). A new one took
  // nothing if it never stood, or if its write failed: a reset that is found by reading comes after bytes have left.
  #isUntaken(cause: (Error & { code?: string }) | undefined): boolean {
    if (this.#isReused) return !this.#hasHeard
    return this.outbox.isBroken || (!this.#isStanding && (!cause || HUNG_UP.has(cause.code)))
  }

  /** Forgets all, and gives the line that is to be hung up: that tells its end at once. */
  #over(): Line | undefined {
    const [line, over] = [this.#line, this.onOver]
    this.#line = this.#told = this.#answer = this.#held = this.onOver = undefined
    if (this.#isDialing) this.#home.orphan(this)
    else this.#home.drop(this)
    this.outbox.close()
    over?.()
    return line
  }
}

/** What `Keep-Alive: timeout=5` says. */
function keptMsIn({ headers: { 'keep-alive': said } }: Head): number {
  const [, seconds] = (said !== undefined && /(?:^|[,\t ])timeout=(\d{1,9})(?:$|[,\t ])/i.exec(said)) || []
  return seconds === undefined ? Number.POSITIVE_INFINITY : 1000 * Number(seconds)
}

function unreachable(cause?: Error): Problem {
  if (cause instanceof ProxyFault) return cause.problem
  return new Problem('upstream_unreachable', 'The upstream could not be reached.', { cause })
}

function malformed(): Problem {
  return new Problem('upstream_malformed', 'The upstream answered with something that is not HTTP.')
}

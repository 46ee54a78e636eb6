import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Problem } from '../protocol/problem.ts'
import { ProxyFault } from './proxy-fault.ts'

interface Told {
  /** A connection is being made: none of the kept ones was free. */
  connecting: () => void
  /** A connection is there, TLS included. */
  reached: () => void
  answered: (answer: IncomingMessage) => void
  /** It failed, perhaps after its answer began; `untaken`: before the upstream took it up. Told once. */
  failed: (problem: Problem, untaken: boolean) => void
}

// Interim answers (100 to 199) say nothing that is passed on; no server has so many to say before the final one.
const MOST_INTERIM = 100

/** Listens to one request on its way: what comes of it, and whether it was lost before the upstream took it up. */
export function listen(request: ClientRequest, { connecting, reached, answered, failed }: Told): void {
  let socket: Socket | undefined
  let heardBefore = 0
  let connected = false
  let interim = 0
  let isAnswered = false
  let over = false

  function fail(problem: Problem, untaken = false): void {
    if (over) return
    over = true
    failed(problem, untaken)
  }
  // A kept connection that ends without a byte of an answer was being closed (RFC 9112 section 9.3.1). A new one took
  // nothing if it never stood, or if its write failed: a reset that Bun finds by reading comes after bytes have left.
  function isUntaken(cause?: NodeJS.ErrnoException): boolean {
    const hungUp = cause?.code === 'ECONNRESET' || cause?.code === 'EPIPE'
    if (request.reusedSocket) return socket?.bytesRead === heardBefore && (hungUp || !cause)
    return cause?.code === 'ECONNREFUSED' || (hungUp && (!connected || cause?.syscall === 'write'))
  }

  request.on('socket', given => {
    socket = given
    heardBefore = given.bytesRead
    const stands = () => {
      connected = true
      reached()
    }
    if (!isPending(given)) return stands()
    connecting()
    given.once('encrypted' in given ? 'secureConnect' : 'connect', stands)
  })
  request.on('information', () => {
    if (++interim > MOST_INTERIM) fail(malformed())
  })
  request.on('response', answer => {
    isAnswered = true
    answered(answer)
  })
  request.on('error', (cause: NodeJS.ErrnoException) => {
    // An upstream may answer and hang up before it has read the whole body: its answer stands.
    if (!(isAnswered && cause.code === 'EPIPE')) fail(unusable(cause), isUntaken(cause))
  })
  // A switch of protocols, or a hang-up without a word, is neither an error nor an answer.
  request.on('close', () => isAnswered || fail(unusable(), isUntaken()))
}

/** Whether it is still to stand: through a proxy there is a connection before there is one to the upstream. */
function isPending(socket: Socket): boolean {
  return socket.connecting || ('secureConnecting' in socket && socket.secureConnecting === true)
}

function unusable(cause?: NodeJS.ErrnoException): Problem {
  if (cause instanceof ProxyFault) return cause.problem
  return cause?.code?.startsWith('HPE_')
    ? malformed(cause)
    : new Problem('upstream_unreachable', 'The upstream could not be reached.', { cause })
}

function malformed(cause?: Error): Problem {
  return new Problem('upstream_malformed', 'The upstream answered with something that is not HTTP.', { cause })
}

import type { Registry } from 'prom-client'
import type { End, Exchange } from '../protocol/exchange.ts'
import type { Meters } from '../protocol/meters.ts'
import { type ProblemCode, typeOf } from '../protocol/problem.ts'
import { counter } from './counter.ts'
import type { Facts } from './facts.ts'
import { gauge } from './gauge.ts'
import { histogram } from './histogram.ts'

// Those of OpenTelemetry's http.server.request.duration, and what a long answer takes beyond them.
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120, 300, 600]

/** What is counted of each request. */
export function requestMeters(
  registers: Registry[],
  { backends, now }: Pick<Facts, 'backends' | 'now'>,
): Pick<Meters, 'began' | 'streams' | 'ended'> {
  const { duration, firstByte, endings, failures } = families(registers)
  for (const backend of backends) for (const ending of ENDINGS) endings([backend, ending], 0)
  // What began less what ended: a stream may end before it is told that it began.
  let [open, streams] = [0, 0]
  gauge(registers, 'http_server_active_requests', 'Requests under way, open streams among them.', () => open)
  gauge(registers, 'sealgate_open_streams', 'Answers whose body is still coming.', () => Math.max(0, streams))

  function ended(exchange: Exchange, { status, ending, firstByteAt }: End): void {
    open--
    if (exchange.streaming) streams--
    const { method, route = 'none', backend = '', reached, startedAt, code } = exchange
    const since = (at: number) => Math.max(0, at - startedAt) / 1000
    duration([method, route, status, backend], since(now()))
    if (firstByteAt !== undefined) firstByte([route, backend], since(firstByteAt))
    if (backend && reached) endings([backend, ending])
    if (code) failures(code, backend)
  }
  return {
    began: () => {
      open++
    },
    streams: () => {
      streams++
    },
    ended,
  }
}

const ENDINGS = ['complete', 'cancelled', 'failed'] as const

function families(registers: Registry[]) {
  const counted = (name: string, help: string, labelNames: string[]) => counter({ registers, name, help, labelNames })
  const problems = counted('sealgate_problems_total', 'Requests refused or failed, by code.', ['code'])
  const auth = counted('sealgate_auth_failures_total', 'Requests refused for who calls, by code.', ['reason'])
  const upstream = counted('sealgate_upstream_errors_total', 'Requests that a backend failed, by code.', [
    'backend',
    'code',
  ])
  return {
    duration: histogram({
      registers,
      name: 'http_server_request_duration_seconds',
      help: 'From a request to the last byte of its answer.',
      labelNames: ['http_request_method', 'http_route', 'http_response_status_code', 'backend'],
      buckets: SECONDS,
    }),
    firstByte: histogram({
      registers,
      name: 'sealgate_time_to_first_byte_seconds',
      help: 'From a request to the first byte of a body that a backend sends.',
      labelNames: ['http_route', 'backend'],
      buckets: SECONDS,
    }),
    endings: counted('sealgate_endings_total', 'Forwarded requests, by how they ended.', ['backend', 'ending']),
    failures: (code: ProblemCode, backend: string) => {
      problems([code])
      if (NOT_THEIRS.has(typeOf(code))) auth([code])
      if (backend && isUpstreams(code)) upstream([backend, code])
    },
  }
}

const NOT_THEIRS: ReadonlySet<string> = new Set(['authentication_error', 'permission_error'])

const isUpstreams = (code: ProblemCode) => code.startsWith('upstream_') || code === 'enclave_downgrade'

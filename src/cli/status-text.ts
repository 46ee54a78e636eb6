import type { Samples } from './samples.ts'

interface Looks {
  before: Samples
  after: Samples
  /** Between the two. */
  seconds: number
  /** Milliseconds since the epoch, at the later one. */
  now: number
}

const REQUESTS = 'http_server_request_duration_seconds'
const TOKENS = 'gen_ai_client_token_usage_sum'
const DATABASE = 'db_client_operation_duration_seconds'
const LAG = 'sealgate_event_loop_lag_seconds'

/** One screen, within 100 columns. What is not said to be now is since the start. */
export function statusText(looks: Looks): string {
  const { after, now } = looks
  const label = (name: string) => after.label('sealgate_build_info', name) ?? 'unknown'
  const up = now / 1000 - after.sum('process_start_time_seconds')
  const lines = [
    ['sealgate', `${label('version')} (commit ${label('commit')}), up ${spanned(up)}, TEE: ${label('tee')}`],
    ['open', `${after.sum('sealgate_open_streams')} streams, ${after.sum('http_server_active_requests')} requests`],
    ['requests', requests(looks)],
    ['whole', quantiles(after, REQUESTS)],
    ['first byte', quantiles(after, 'sealgate_time_to_first_byte_seconds')],
    ['tokens', tokens(looks)],
    ['problems', listed(after.by('sealgate_problems_total', 'code'))],
    ...backends(after),
    ['database', database(after)],
    ['process', processLine(after)],
  ]
  return `${lines.map(([head = '', text = '']) => `${head.padEnd(12)}${text}`).join('\n')}\n`
}

function rate({ before, after, seconds }: Looks, name: string, labels?: Readonly<Record<string, string>>): string {
  return `${((after.sum(name, labels) - before.sum(name, labels)) / seconds).toFixed(1)}/s`
}

function requests(looks: Looks): string {
  const byStatus = looks.after.by(`${REQUESTS}_count`, 'http_response_status_code')
  const inClass = (digit: string) =>
    [...byStatus].reduce((sum, [status, count]) => sum + (status.startsWith(digit) ? count : 0), 0)
  const total = looks.after.sum(`${REQUESTS}_count`)
  return `${rate(looks, `${REQUESTS}_count`)} now, ${total} in all: ${inClass('5')} failed (5xx), ${inClass('4')} refused (4xx)`
}

function tokens(looks: Looks): string {
  const told = (['input', 'output'] as const).map(type => {
    const labels = { gen_ai_token_type: type }
    return `${looks.after.sum(TOKENS, labels)} ${type} (${rate(looks, TOKENS, labels)} now)`
  })
  return told.join(', ')
}

function backends(after: Samples): string[][] {
  return [...after.by('sealgate_cooldowns_total', 'backend')].map(([backend, cooldowns]) => {
    const labels = { backend }
    const asked = after.sum(`${REQUESTS}_count`, labels)
    const errors = listed(after.by('sealgate_upstream_errors_total', 'code', labels))
    const broken = after.sum('sealgate_endings_total', { ...labels, ending: 'failed' })
    return [backend, `${asked} requests, ${broken} broken off, cooled ${cooldowns} times, errors: ${errors}`]
  })
}

function database(after: Samples): string {
  const failed = after.sum(`${DATABASE}_count`, { error_type: 'database_unavailable' })
  return `${after.label(`${DATABASE}_count`, 'db_system_name') ?? 'not asked yet'}, ${quantiles(after, DATABASE)}, ${failed} failed`
}

function processLine(after: Samples): string {
  const age = after.value('sealgate_jwks_age_seconds')
  const keys =
    age === undefined
      ? 'none, no JWT is taken'
      : age === Number.POSITIVE_INFINITY
        ? 'never fetched'
        : `${spanned(age)} old`
  const rss = Math.round(after.sum('process_resident_memory_bytes') / 1e6)
  return `${rss} MB, event loop late by p99 ${timed(after.quantile(0.99, LAG))}, signing keys: ${keys}`
}

function quantiles(samples: Samples, name: string): string {
  return `p50 ${timed(samples.quantile(0.5, name))}, p99 ${timed(samples.quantile(0.99, name))}`
}

function listed(counts: ReadonlyMap<string, number>): string {
  const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, 3)
  const rest = counts.size > most.length ? ', …' : ''
  return most.map(([name, count]) => `${name} ${count}`).join(', ') + rest || 'none'
}

function timed(seconds: number | undefined): string {
  if (seconds === undefined) return '–'
  return seconds < 1 ? `${Number((seconds * 1000).toPrecision(2))} ms` : `${Number(seconds.toPrecision(2))} s`
}

/** A length of time in its two largest units. */
function spanned(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const parts = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ] as const
  const first = parts.findIndex(([count]) => count > 0)
  return parts
    .slice(first < 0 ? 3 : first)
    .slice(0, 2)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile } from '../release/compile.ts'
import { ALLOCATOR } from '../src/allocator.ts'
import { devIssuer } from '../src/dev/issuer.ts'

// What is measured has one core to itself; what loads it and what stands behind it have the other.
const MEASURED_CORE = '0'
export const OTHER_CORE = '1'
/** For what needs more than one, and shares them with all the rest. */
export const BOTH_CORES = '0,1'
// How long something may take to start, and how finely that is timed.
const [PATIENT_MS, LOOK_MS] = [5000, 1]

/** Something that answers the bench's requests, and the process whose cost is counted; of a peer only where it is told. */
export interface Subject {
  readonly name: string
  readonly url: string
  readonly pid: number
}

/** Streams of events that say when they were sent. */
export interface Pacing {
  /** Whether each stream's end states what it cost, in a trailer. */
  readonly states: 'stating' | 'silent'
  /** 32 unless told. */
  readonly events?: number
  /** Milliseconds between two, 10 unless told. */
  readonly paceMs?: number
  /** Whether they are frames of a seal, or open; sealed unless told. */
  readonly form?: 'sealed' | 'open'
}

/** Starts and, at the end, stops what a bench runs against; all of it on loopback. */
export interface Stage {
  /** An `Authorization` header that sealgate takes. */
  readonly authorization: string
  /** As many more, each of another caller. */
  callers(count: number): Promise<readonly string[]>
  /** nginx that answers every request with a small chat of 400 bytes, or as if it had opened a seal. */
  answering(port: number, form?: 'sealed' | 'open'): Promise<Subject>
  /** An upstream that opens a stream, sends one event, and stays quiet. */
  quiet(port: number): Promise<Subject>
  pacing(port: number, how: Pacing): Promise<Subject>
  /** nginx as a plain reverse proxy before an upstream. */
  nginx(upstream: Subject, port: number): Promise<Subject>
  /**
   * The executable before an upstream, in its image's environment, governed: JWT checked, limit counted in a SQLite file,
   * requests logged.
   */
  sealgate(upstream: Subject, port: number, env?: Record<string, string | undefined>, cores?: string): Promise<Subject>
  /** Bytes that a subject has logged so far. */
  logged(subject: Subject): number
  /** One stretch of sealgate's own path before an upstream, from its sources; `bare` is a relay that takes no care. */
  stretch(name: string, upstream: Subject, port: number, flags?: readonly string[]): Promise<Subject>
  end(subject: Subject): Promise<void>
  stop(): Promise<void>
}

/** Of the executable of these sources, unless another is given. */
export async function stage(given?: string): Promise<Stage> {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-bench-'))
  const executable = given ?? (await compile({ directory, commit: 'unknown' }))
  const issuer = await devIssuer()
  const bearer = async (subject: string) =>
    `Bearer ${await issuer.token({ issuer: 'bench', audience: 'bench', subject })}`
  const children = new Map<number, Bun.Subprocess>()
  const begin = beginning(directory, children)

  function nginx(name: string, core: string, port: number, location: string, upstream = ''): Promise<Subject> {
    const config = join(directory, `${name}-${port}.conf`)
    writeFileSync(config, nginxConfig({ directory, port, location, upstream }))
    return begin(name, core, ['nginx', '-p', directory, '-c', config], port)
  }

  return {
    authorization: await bearer('caller'),
    callers: count => Promise.all(Array.from({ length: count }, (_, at) => bearer(`caller-${at}`))),
    answering: (port, form = 'open') => nginx('direct', OTHER_CORE, port, form === 'open' ? ANSWER : NONCE + ANSWER),
    quiet: port => begin('quiet', OTHER_CORE, [process.execPath, join(import.meta.dir, 'quiet.ts'), `${port}`], port),
    pacing: (port, { states, events = 32, paceMs = 10, form = 'sealed' }) => {
      const file = join(import.meta.dir, 'pacing.ts')
      const command = [process.execPath, file, `${port}`, states, `${events}`, `${paceMs}`, form]
      return begin('pacing', OTHER_CORE, command, port)
    },
    nginx: ({ url }, port) => {
      const upstream = `upstream behind { server ${new URL(url).host}; keepalive 256; }`
      const location = 'proxy_pass http://behind; proxy_set_header Connection ""; proxy_http_version 1.1;'
      return nginx('nginx', MEASURED_CORE, port, `${location} proxy_buffering off; proxy_read_timeout 1h;`, upstream)
    },
    sealgate: ({ url }, port, env = {}, cores = MEASURED_CORE) =>
      begin('sealgate', cores, [executable], port, {
        ...ALLOCATOR,
        ...GOVERNED,
        DATABASE_URL: `sqlite:${directory}/bench-${port}.db`,
        ...env,
        TINFOIL_BASE_URL: url,
        JWKS_URL: issuer.jwksUrl,
        PORT: `${port}`,
      }),
    logged: ({ name, url }) => statSync(outputOf(directory, name, new URL(url).port)).size,
    stretch: (name, { url }, port, flags = []) => {
      const file = join(import.meta.dir, name === 'bare' ? 'bare.ts' : 'path.ts')
      const rest = [String(port), url, issuer.jwksUrl, join(directory, `path-${port}.db`)]
      const command = [process.execPath, ...flags, file, ...(name === 'bare' ? rest : [name, ...rest])]
      return begin(name, MEASURED_CORE, command, port)
    },
    end: async ({ pid }) => {
      const child = children.get(pid)
      if (child) await ended(child)
      children.delete(pid)
    },
    stop: async () => {
      await Promise.all([...children.values()].map(ended))
      await issuer.stop()
      rmSync(directory, { recursive: true })
    },
  }
}

const outputOf = (directory: string, name: string, port: number | string) => join(directory, `${name}-${port}.out`)

const answers = (url: string) =>
  fetch(`${url}/health`).then(
    () => true,
    () => false,
  )

/** Starts what a stage has, and waits until it answers. */
function beginning(directory: string, children: Map<number, Bun.Subprocess>) {
  return async (name: string, core: string, command: string[], port: number, env = {}): Promise<Subject> => {
    const url = `http://127.0.0.1:${port}`
    if (await answers(url))
      throw new Error(`something else answers at ${url}: end it, or its figures were taken for ours`)
    const child = Bun.spawn(['taskset', '-c', core, ...command], {
      cwd: directory,
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdout: Bun.file(outputOf(directory, name, port)),
      stderr: Bun.file(join(directory, `${name}-${port}.err`)),
    })
    children.set(child.pid, child)
    for (const giveUp = performance.now() + PATIENT_MS; !(await answers(url)); await Bun.sleep(LOOK_MS))
      if (performance.now() > giveUp)
        throw new Error(`${name} does not answer: ${readFileSync(join(directory, `${name}-${port}.err`))}`)
    return { name, url, pid: child.pid }
  }
}

function ended(child: Bun.Subprocess): Promise<number> {
  child.kill()
  return child.exited
}

/** The executable with every check on, and limits so wide that one caller may do whatever the bench asks of it. */
const GOVERNED = {
  TINFOIL_API_KEY: 'tk_bench',
  ALLOW_PLAINTEXT: 'true',
  ISSUER: 'bench',
  AUDIENCES: 'bench',
  HOST: '127.0.0.1',
  RATE_LIMIT_RPM: '1000000',
  RATE_LIMIT_BURST: '1000000',
  CONCURRENT_LIMIT: '10000',
  MAX_IN_FLIGHT: '1000000',
}

const STATED = 'prompt=10,completion=40,total=50,cached_prompt_tokens=0,model=bench,cost_usd=0.0000315'

/** A small chat's answer, 400 bytes. */
const CHAT = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'bench',
  choices: [{ index: 0, message: { role: 'assistant', content: 'x'.repeat(190) }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 10, completion_tokens: 40, total_tokens: 50 },
}).padEnd(400)

// What is sealed gives itself away by this header; nobody here opens it.
const NONCE = `add_header Ehbp-Response-Nonce "${'0'.repeat(64)}"; `
const ANSWER = `default_type application/json; add_header X-Tinfoil-Usage-Metrics "${STATED}"; return 200 '${CHAT}';`

interface Server {
  directory: string
  port: number
  location: string
  upstream: string
}

function nginxConfig({ directory, port, location, upstream }: Server): string {
  return `
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1; master_process off; daemon off; worker_rlimit_nofile 20000;
pid ${directory}/${port}.pid; error_log ${directory}/${port}.log;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 1000000000; client_body_buffer_size 64k;
  client_body_temp_path ${directory}/${port}.body; proxy_temp_path ${directory}/${port}.proxy;
  ${upstream}
  server { listen 127.0.0.1:${port}; location / { ${location} } }
}`
}

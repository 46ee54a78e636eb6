import { join } from 'node:path'
import { freshDirectory } from './directory.ts'

const root = join(import.meta.dir, '..', '..')

/** Compiles the program as `bun run build` does and gives the executable's path. */
export async function compile(directory: string): Promise<string> {
  const outfile = join(directory, 'sealgate')
  const kind = ['--compile', '--minify', '--bytecode', '--format=esm']
  const around = ['--no-compile-autoload-dotenv', '--no-compile-autoload-bunfig']
  const build = Bun.spawn([process.execPath, 'build', ...kind, ...around, '--outfile', outfile, 'src/main.ts'], {
    cwd: root,
    stdout: 'ignore',
    stderr: 'pipe',
  })
  if ((await build.exited) !== 0) throw new Error(await new Response(build.stderr).text())
  return outfile
}

let built: Promise<string> | undefined

/** The executable, compiled once for all tests of a run that ask here. */
export function executable(): Promise<string> {
  built ??= compile(freshDirectory())
  return built
}

interface Start {
  args?: readonly string[]
  env?: Record<string, string>
  cwd: string
}

/** A started executable. Its environment is only what the test gives. */
export interface Running {
  readonly pid: number
  /** All that it wrote to standard output and standard error so far. */
  output(): string
  /** Resolves with the match once the output holds the pattern; rejects if the process ends first. */
  says(pattern: RegExp): Promise<RegExpExecArray>
  signal(name: NodeJS.Signals): void
  readonly exited: Promise<number>
}

/** Starts the executable in a directory. */
export function start(executable: string, { args = [], env = {}, cwd }: Start): Running {
  const child = Bun.spawn([executable, ...args], { cwd, env, stdout: 'pipe', stderr: 'pipe' })
  let text = ''
  let wake = Promise.withResolvers<void>()
  const stir = () => {
    wake.resolve()
    wake = Promise.withResolvers<void>()
  }
  const read = async (stream: ReadableStream<Uint8Array>) => {
    for await (const chunk of stream) {
      text += Buffer.from(chunk).toString()
      stir()
    }
  }
  const ended = Promise.all([read(child.stdout), read(child.stderr), child.exited]).then(stir)
  let over = false
  void ended.then(() => {
    over = true
  })
  return {
    pid: child.pid,
    output: () => text,
    says: async pattern => {
      for (;;) {
        const match = pattern.exec(text)
        if (match) return match
        if (over) throw new Error(`ended without saying ${pattern}: ${text}`)
        await Promise.race([wake.promise, ended])
      }
    },
    signal: name => child.kill(name),
    exited: ended.then(() => child.exited),
  }
}

/** Starts it in dev mode on a free port and gives where it listens and a token for it. */
export async function startDev(executable: string, options: Start) {
  const running = start(executable, { ...options, args: ['--dev-mode', '--port', '0', ...(options.args ?? [])] })
  const [, port] = await running.says(/listening port=(\d+)/)
  const [, token] = await running.says(/export TOKEN=(\S+)\n/)
  return { ...running, url: `http://127.0.0.1:${port}`, authorization: `Bearer ${token}` }
}

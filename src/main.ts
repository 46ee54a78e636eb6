import { readFileSync } from 'node:fs'
import { readCommand } from './arguments.ts'
import { healthcheck } from './cli/healthcheck.ts'
import { helpText } from './cli/help.ts'
import { REKEY_SETTINGS, rekey } from './cli/rekey.ts'
import { status } from './cli/status.ts'
import { verifyReceipt } from './cli/verify-receipt.ts'
import { version } from './cli/version.ts'
import { takenFrom } from './config/environment.ts'
import { ConfigFaults, readConfig } from './config.ts'
import { refuseDumps } from './dumps.ts'
import { EXECUTABLE } from './executable.ts'
import { FrontendFault } from './features/frontend/site.ts'
import { ListenFault } from './listening.ts'
import { METRICS_AT } from './measuring.ts'
import { keeper, teeOf } from './opening.ts'
import { gathered } from './output.ts'
import { faultOf } from './protocol/log.ts'
import { serve } from './serve.ts'
import type { Config, Key } from './settings.ts'
import { KeyFault } from './store/keys.ts'
import { StoreFault } from './store/store.ts'
import { TeeFault } from './tee/find.ts'
import { SOCKETS } from './tee/sockets.ts'
import { TlsFault } from './tls/pair.ts'
import { RootsFault } from './upstream/roots.ts'
import { LoginFault } from './upstream/vpc.ts'
import { VERSION } from './version.ts'
import type { Program } from './workers/child.ts'
import { linked } from './workers/link.ts'

const argv = process.argv.slice(2)
const sources = {
  env: takenFrom(process.env),
  argv,
  readFile: (path: string) => readFileSync(path, 'utf8'),
  // Of a program that runs from its source, whoever starts it may say how.
  execArgv: EXECUTABLE ? process.execArgv : [],
}
const { write, flush } = gathered(process.stdout)
const onSignal = (listener: () => void) => process.on('SIGTERM', listener).on('SIGINT', listener)
const say = (line: string) => void process.stderr.write(`sealgate: ${line}\n`)

/** Does what the command line asks for and resolves to the exit code. */
async function main(): Promise<number> {
  // Whatever it makes, keys and reports included, is for its own user.
  process.umask(0o077)
  const { command, flags, operands, faults } = readCommand(argv)
  switch (command) {
    case '--help':
      write(helpText(VERSION))
      return 0
    case '--version':
      write(`${VERSION}\n`)
      return 0
    case 'version':
      for (const fault of faults) say(fault)
      if (faults.length > 0) return 2
      write(await version({ file: EXECUTABLE, json: flags.has('json'), say }))
      return 0
    case 'healthcheck': {
      const { config } = readConfig({ ...sources, only: ['HOST', 'PORT', 'TLS', 'TLS_CERT_FILE'] })
      const withTls = config.TLS === 'dstack' || config.TLS_CERT_FILE !== undefined
      return healthcheck({ host: config.HOST, port: config.PORT, withTls }, say)
    }
    case 'status': {
      const { METRICS_ADDR: at = METRICS_AT } = configured(['METRICS_ADDR'])
      return status({ at, now: Date.now, pause: Bun.sleep, print: write, say })
    }
    case 'rekey': {
      keepKeys()
      const config = configured(REKEY_SETTINGS)
      const tee = await teeOf(config, { sockets: SOCKETS, log: () => undefined })
      await rekey(config, keeper(config, tee), say)
      return 0
    }
    case 'verify':
      // A gateway never needs it.
      return (await import('./cli/verify.ts')).verify(readCommand(argv), { ...sources, write, say })
    case 'verify-receipt': {
      for (const fault of faults) say(fault)
      const [file] = operands
      if (faults.length > 0 || file === undefined) return 2
      return verifyReceipt({ file, flags, readFile: path => readFileSync(path) }, { print: write, say })
    }
    case 'serve': {
      keepKeys()
      const config = configured()
      if (config.WORKERS > 1) return (await import('./supervising.ts')).supervise(config, itself(), { write, onSignal })
      await serve(config, { write, onSignal })
      return 0
    }
    case 'worker':
      keepKeys()
      return work()
  }
}

/** Serves as one of several, for the supervisor that started this process and has said what there is to warn of. */
async function work(): Promise<number> {
  const link = await linked(process, () => void exit(0))
  if (!link) {
    say('a worker is started by sealgate itself, as WORKERS says')
    return 2
  }
  // A terminal, or what stops a service, may tell all of a group: the supervisor passes on what it hears, once.
  onSignal(() => undefined)
  await serve(readConfig(sources).config, { write, onSignal: link.onSignal, link })
  return 0
}

/** This program, to be started as a worker with the settings that it was given. */
function itself(): Program {
  // What is in a compiled executable is no file that could be named.
  const script = EXECUTABLE ? [] : [...process.execArgv, Bun.main]
  return { command: [process.execPath, ...script, 'worker', ...argv], env: sources.env }
}

/** Before any key is read. */
function keepKeys(): void {
  if (!refuseDumps()) say('warning: here, other programs of this user can read the memory of this one, and its keys')
}

/** The configuration, or the settings of it that are named; its warnings are said. */
function configured<K extends Key = Key>(only?: readonly K[]): Pick<Config, K> {
  const { config, warnings } = readConfig({ ...sources, ...(only && { only }) })
  for (const warning of warnings) say(`warning: ${warning}`)
  return config
}

/** What a person can mend gets one clear line; 2 where the configuration or a key is wrong, else 1. */
function explain(error: unknown): number {
  const isAway = error instanceof TlsFault && error.code === 'agent'
  const known = isAway || [TeeFault, StoreFault, LoginFault, ListenFault].some(fault => error instanceof fault)
  const misconfigured =
    !isAway && [ConfigFaults, KeyFault, TlsFault, FrontendFault, RootsFault].some(fault => error instanceof fault)
  // Of anything else the message stays unsaid: it may quote what nobody should read.
  say(error instanceof Error && (known || misconfigured) ? error.message : `crashed: ${faultOf(error)}`)
  return misconfigured ? 2 : 1
}

const exit = (code: number) => flush().then(() => process.exit(code))
const crash = (error: unknown) => exit(explain(error))
process.on('uncaughtException', crash).on('unhandledRejection', crash)
void main().then(exit, crash)

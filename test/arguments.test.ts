import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { readCommand } from '../src/arguments.ts'

const flagsOf = (...argv: string[]) => Object.fromEntries(readCommand(argv).flags)
const faultsOf = (...argv: string[]) => readCommand(argv).faults
const stray = (place: number) => `argument ${place} is neither a flag, nor the value of one, nor a subcommand`

describe('the command', () => {
  test.each([
    ['serve', []],
    ['serve', ['--port', '1', '--dev-mode']],
    ['healthcheck', ['healthcheck', '--port=1']],
    ['healthcheck', ['--dev-mode', 'healthcheck']],
    ['help', ['--help']],
    ['help', ['-h']],
    ['help', ['healthcheck', '--version', '--help']],
    ['version', ['healthcheck', '--version']],
  ])('is %s for %j', (command, argv) => expect(readCommand(argv)).toMatchObject({ command, faults: [] }))

  test('is a known word in the first place only', () => {
    expect(readCommand(['constructor'])).toMatchObject({ command: 'serve', faults: [stray(1)] })
    expect(readCommand(['healthcheck', 'healthcheck'])).toMatchObject({ command: 'healthcheck', faults: [stray(2)] })
  })

  test('is found in any command line whatever, and no argument makes it throw', () => {
    const word = fc.oneof(fc.string(), fc.constantFrom('--', '-', '--=', '--port', '-h', '--dev-mode=', '--__proto__'))
    fc.assert(
      fc.property(fc.array(word), argv => {
        expect(['serve', 'healthcheck', 'help', 'version']).toContain(readCommand(argv).command)
      }),
    )
  })
})

describe('flags', () => {
  test('come under their names in the environment', () => {
    expect(flagsOf('--rate-limit-rpm', '1', '--data-key-file=/a=b')).toEqual({
      RATE_LIMIT_RPM: '1',
      DATA_KEY_FILE: '/a=b',
    })
  })

  test('given twice count as they were given last', () => {
    expect(flagsOf('--port', '1', '--port=2')).toEqual({ PORT: '2' })
  })

  test('of dev mode stand alone or carry their value', () => {
    expect(flagsOf('--dev-mode')).toEqual({ DEV_MODE: 'true' })
    expect(flagsOf('--dev-mode=false')).toEqual({ DEV_MODE: 'false' })
    expect(faultsOf('--dev-mode', 'false')).toEqual([stray(2)])
  })

  test.each([[['--port']], [['--port=']], [['--port', '']], [['--port', '--log-level=info']], [['--port', '-1']]])(
    'without their value are a fault: %j',
    argv => expect(faultsOf(...argv)).toEqual(['--port needs a value, as in --port=VALUE']),
  )

  test('may carry a value that begins with a dash after an equals sign', () => {
    expect(flagsOf('--issuer=-a')).toEqual({ ISSUER: '-a' })
  })
})

describe('what is not understood', () => {
  test('is a fault, once for each argument', () => {
    expect(faultsOf('--prot=1', 'serve', '-abc', '--port-file=/x', '--__proto__=1', '--PORT=1')).toEqual([
      stray(2),
      '--prot is no flag of sealgate',
      stray(3),
      '--port-file is no flag of sealgate',
      '--__proto__ is no flag of sealgate',
      '--PORT is no flag of sealgate',
    ])
  })

  test('is shown only as far as it looks like a flag', () => {
    expect(faultsOf('--tinfoil-api-key:tk_1')).toEqual(['--tinfoil-api-key... is no flag of sealgate'])
    expect(faultsOf('--1')).toEqual([stray(1)])
    expect(faultsOf('--', '--port')).toEqual([stray(2)])
  })
})

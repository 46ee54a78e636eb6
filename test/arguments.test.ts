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
    ['--help', ['--help']],
    ['--help', ['-h']],
    ['--help', ['healthcheck', '--version', '--help']],
    ['--version', ['version', '--version']],
  ])('is %s for %j', (command, argv) => expect(readCommand(argv)).toMatchObject({ command, faults: [] }))

  test('is a known word in the first place only', () => {
    expect(readCommand(['constructor'])).toMatchObject({ command: 'serve', faults: [stray(1)] })
    expect(readCommand(['healthcheck', 'healthcheck'])).toMatchObject({ command: 'healthcheck', faults: [stray(2)] })
  })

  test('is found in any command line whatever, and no argument makes it throw', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom('--', '-', '--=', '--port', '-h', '--json', 'verify', '--__proto__'),
    )
    fc.assert(
      fc.property(fc.array(word), argv => {
        expect(['serve', 'healthcheck', 'verify', '--help', '--version']).toContain(readCommand(argv).command)
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

describe('a subcommand with flags of its own', () => {
  test('takes them by their names, and what it is given besides', () => {
    const argv = ['--nonce', 'ab', 'verify', '--json', 'https://a.example', '--at=1']
    expect(flagsOf(...argv)).toEqual({ nonce: 'ab', json: 'true', at: '1' })
    expect(readCommand(argv)).toMatchObject({ command: 'verify', operands: ['https://a.example'], faults: [] })
  })

  test('takes no others, nor are its own known elsewhere', () => {
    expect(faultsOf('verify', 'https://a.example', '--port=1')).toEqual(['--port is no flag of sealgate verify'])
    expect(faultsOf('--nonce=ab')).toEqual(['--nonce is no flag of sealgate'])
  })

  test('says what it lacks, and what is too much', () => {
    expect(faultsOf('verify')).toEqual(['verify needs URL'])
    expect(faultsOf('verify', 'a', 'b')).toEqual([stray(3)])
    expect(faultsOf('verify', 'a', '--nonce')).toEqual(['--nonce needs a value, as in --nonce=VALUE'])
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

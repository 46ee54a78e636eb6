import { quoted, travelsInTheClear } from '../protocol/kinds.ts'
import type { Config } from '../settings.ts'
import { isGiven, type Reading } from './reading.ts'

/** What is wrong with the settings of the backend that reads open bodies, and what is risky about them. */
export function judgeCloud(config: Partial<Config>, reading: Reading): void {
  // A subcommand reads a few settings, and none of these.
  if (!reading.keys.has('OPENAI_BASE_URL')) return
  if (isGiven('OPENAI_BASE_URL', reading)) {
    judgeAddress(config, reading)
    judgeKeys(reading)
    judgePlaintext(config, reading)
  } else judgeIdle(reading)
  if (isGiven('VPC_CLIENT_ID', reading) && !isGiven('VPC_SHARED_SECRET', reading))
    reading.warnings.push('Without VPC_SHARED_SECRET nothing comes of VPC_CLIENT_ID: give that too, or drop it')
}

function judgeAddress({ OPENAI_BASE_URL: address }: Partial<Config>, { dev, faults, warnings }: Reading): void {
  if (address === undefined) return
  if (!dev && travelsInTheClear(address)) {
    faults.push(`OPENAI_BASE_URL: ${quoted(address)} would send the key in the clear: use https (http is for loopback)`)
  }
  if (!address.endsWith('/v1')) {
    warnings.push(`OPENAI_BASE_URL: ${quoted(address)} does not end in /v1, as such addresses do: give it with its /v1`)
  }
}

function judgeKeys(reading: Reading): void {
  const [key, secret] = [isGiven('OPENAI_API_KEY', reading), isGiven('VPC_SHARED_SECRET', reading)]
  if (!key && !secret) {
    reading.faults.push('OPENAI_BASE_URL needs a key: give OPENAI_API_KEY, or VPC_SHARED_SECRET to log in for one')
  }
  if (key && secret) {
    reading.warnings.push('VPC_SHARED_SECRET is given, so nothing comes of OPENAI_API_KEY: drop one')
  }
}

function judgePlaintext({ ALLOW_PLAINTEXT }: Partial<Config>, reading: Reading): void {
  if (!ALLOW_PLAINTEXT || !isGiven('TINFOIL_API_KEY', reading)) return
  reading.warnings.push(
    "With ALLOW_PLAINTEXT open chats go to OPENAI_BASE_URL, and not to Tinfoil's enclave: set it to false to refuse them",
  )
}

function judgeIdle(reading: Reading): void {
  // Not a fault: many have this variable for other programs.
  if (isGiven('OPENAI_API_KEY', reading)) {
    reading.warnings.push('Without OPENAI_BASE_URL nothing comes of OPENAI_API_KEY: give that too, or drop it')
  }
  if (isGiven('VPC_SHARED_SECRET', reading)) {
    reading.faults.push('VPC_SHARED_SECRET needs OPENAI_BASE_URL: the address of the backend where it logs in')
  }
}

import type { Config } from '../settings.ts'
import { isGiven, type Reading, readSetting } from './reading.ts'

/** The setting TEE; whoever says that it is no dev mode, and nothing else, means a TEE. */
export function readTee(reading: Reading): unknown {
  const isReal = !reading.dev && isGiven('DEV_MODE', reading) && !isGiven('TEE', reading)
  return isReal ? 'dstack' : readSetting('TEE', reading)
}

/** What is wrong with the settings of the TEE and of TLS, and what is risky about them. */
export function judgeTee(config: Partial<Config>, reading: Reading): void {
  // A subcommand reads a few settings, and none of these.
  if (!reading.keys.has('TEE')) return
  const { TEE, TLS } = config
  const { dev, faults, warnings } = reading
  if (dev && TEE !== undefined && TEE !== 'simulated')
    faults.push(`TEE: dev mode is always simulated: drop TEE, or dev mode`)
  if (!dev && TEE === 'simulated') faults.push('TEE: simulated is for dev mode only: nothing would be proved')
  if (!dev && isGiven('DSTACK_SIMULATOR_ENDPOINT', reading))
    warnings.push('DSTACK_SIMULATOR_ENDPOINT is heeded in dev mode only: drop it')
  // A subcommand that needs the guest agent does not listen.
  if (!reading.keys.has('TLS')) return
  judgeTls(config, reading)
  if (TLS === 'dstack' && TEE === 'none') faults.push('TLS: dstack needs the guest agent of a TEE: TEE is none')
}

function judgeTls({ TLS }: Partial<Config>, reading: Reading): void {
  const { faults } = reading
  const [cert, key] = [isGiven('TLS_CERT_FILE', reading), isGiven('TLS_KEY_FILE', reading)]
  if (cert !== key) {
    const [given, absent] = cert ? ['TLS_CERT_FILE', 'TLS_KEY_FILE'] : ['TLS_KEY_FILE', 'TLS_CERT_FILE']
    faults.push(`${given} needs ${absent}: give both, or neither`)
  }
  if ((cert || key) && TLS === 'dstack') faults.push('TLS: dstack brings its own certificate: drop TLS_CERT_FILE')
}

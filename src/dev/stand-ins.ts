import { Secret } from '../protocol/secret.ts'
import { standInCloud } from './cloud/server.ts'
import { standInEnclave } from './enclave.ts'

/** Starts a stand-in for either backend, and tells the settings by which a gateway reaches them. */
export async function standIns() {
  const [tinfoil, openai] = [`tk_stand_in_${crypto.randomUUID()}`, `sk-stand-in-${crypto.randomUUID()}`] as const
  const [enclave, cloud] = await Promise.all([standInEnclave({ key: tinfoil }), standInCloud({ key: openai })])
  return {
    settings: {
      TINFOIL_API_KEY: new Secret(tinfoil),
      TINFOIL_BASE_URL: enclave.url,
      TINFOIL_ATC_URL: enclave.url,
      OPENAI_API_KEY: new Secret(openai),
      OPENAI_BASE_URL: cloud.url,
    },
    stop: async () => {
      await Promise.all([enclave.stop(), cloud.stop()])
    },
  }
}

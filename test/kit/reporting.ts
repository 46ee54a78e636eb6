import { clockAt } from './clock.ts'
import { type KitOptions, startGateway } from './gateway.ts'
import { standInTee } from './tee.ts'

/** Gateways that report, and whatever else is to be stopped in the end. */
export function reporters() {
  const started: { stop(): Promise<void> }[] = []
  /** A gateway in a simulated TEE, before nothing that is there unless told. */
  async function setUp({ altered, ...options }: Partial<KitOptions> & Parameters<typeof standInTee>[0] = {}) {
    const { tee, asked, appCompose } = standInTee(altered && { altered })
    const clock = clockAt()
    const proxies = ['127.0.0.1/32']
    const given = { upstream: 'http://127.0.0.1:1', isSealing: false, tee, now: clock.now, proxies, ...options }
    const kit = await startGateway(given)
    started.push(kit)
    let asks = 0
    /** Each from an address of its own. */
    const ask = (query = '', init: RequestInit = {}) => {
      asks++
      const headers = { 'x-forwarded-for': `127.2.${asks >> 8}.${asks & 255}` }
      return fetch(`${kit.url}/v1/attestation/report${query}`, { headers, ...init })
    }
    const told = async (query = '') => JSON.parse(await (await ask(query)).text())
    const quotes = () => asked.filter(method => method === 'GetQuote').length
    return { kit, ask, told, quotes, clock, appCompose }
  }

  return {
    setUp,
    /** Something else to be stopped. */
    also: <T extends { stop(): Promise<void> }>(part: T): T => {
      started.push(part)
      return part
    },
    clear: async () => {
      for (const part of started.splice(0).reverse()) await part.stop()
    },
  }
}

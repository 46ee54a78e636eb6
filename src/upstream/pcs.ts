import { Problem } from '../protocol/problem.ts'
import type { Collateral, Platform } from '../tee/collateral.ts'
import type { Send } from './call.ts'

const WITHIN_MS = 10_000
const MOST_BYTES = 4_194_304
/** Intel's own service hands the root's list on from another host; services that cache it have it themselves. */
const ROOT_LIST = 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der'

/** Fetches what Intel publishes about a platform. @throws Problem `upstream_…` */
export type FetchCollateral = (platform: Platform) => Promise<Collateral>

/** By Intel's Provisioning Certification Service, version 4 of its API, or a service that caches it, at an origin. */
export function pcs(origin: string, send: Send): FetchCollateral {
  async function get(url: string): Promise<Response> {
    const response = await send({ url, headers: { accept: '*/*' }, withinMs: WITHIN_MS, maxBytes: MOST_BYTES })
    if (response.status !== 200) throw malformed(`${url} answered ${response.status}`)
    return response
  }
  const at = (path: string) => get(`${origin.replace(/\/+$/, '')}${path}`)

  return async ({ fmspc, authority }) => {
    const [tcb, qe, platforms, root] = await Promise.all([
      at(`/tdx/certification/v4/tcb?fmspc=${fmspc}`),
      at('/tdx/certification/v4/qe/identity'),
      at(`/sgx/certification/v4/pckcrl?ca=${authority}&encoding=der`),
      at('/sgx/certification/v4/rootcacrl').catch(() => get(ROOT_LIST)),
    ])
    const [tcbInfo, qeIdentity] = [await signedIn(tcb, 'tcbInfo'), await signedIn(qe, 'enclaveIdentity')]
    return {
      pck_crl_issuer_chain: chainIn(platforms, 'SGX-PCK-CRL-Issuer-Chain'),
      root_ca_crl: listIn(await root.bytes()),
      pck_crl: listIn(await platforms.bytes()),
      tcb_info_issuer_chain: chainIn(tcb, 'TCB-Info-Issuer-Chain'),
      tcb_info: tcbInfo.document,
      tcb_info_signature: tcbInfo.signature,
      qe_identity_issuer_chain: chainIn(qe, 'SGX-Enclave-Identity-Issuer-Chain'),
      qe_identity: qeIdentity.document,
      qe_identity_signature: qeIdentity.signature,
    }
  }
}

/** The signature is over the document as it is written. */
async function signedIn(response: Response, name: string): Promise<{ document: string; signature: string }> {
  const [, first, document, signature] = SIGNED.exec(await response.text()) ?? []
  if (first !== name || document === undefined || signature === undefined) throw malformed(`there is no ${name}`)
  return { document, signature }
}

const SIGNED = /^\s*\{\s*"(\w+)"\s*:\s*(\{.*\})\s*,\s*"signature"\s*:\s*"([\da-f]+)"\s*\}\s*$/is

function chainIn({ headers }: Response, name: string): string {
  const value = headers.get(name)
  if (value === null) throw malformed(`there is no ${name}`)
  return decodeURIComponent(value)
}

/** In DER, as Intel's service gives it, or as a text of hex, as services do that cache it; as hex. */
function listIn(bytes: Uint8Array): string {
  const [first] = bytes
  return first === 0x30 ? Buffer.from(bytes).toString('hex') : Buffer.from(bytes).toString('latin1').trim()
}

function malformed(how: string): Problem {
  return new Problem('upstream_malformed', `What Intel publishes about this platform could not be fetched: ${how}.`)
}

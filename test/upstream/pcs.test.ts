import { expect, test } from 'bun:test'
import type { Send } from '../../src/upstream/call.ts'
import { pcs } from '../../src/upstream/pcs.ts'

const ORIGIN = 'https://pccs.example'
// Not as JSON.stringify would write it: what is signed is the text.
const TCB = '{"id":"TDX", "fmspc":"B0C06F000000","n":1.0}'
const QE = '{"id":"TD_QE"}'
const LIST = Uint8Array.of(0x30, 0x01, 0xff)

/** Answers by what follows the origin. */
function intel(changes: Readonly<Record<string, () => Response>> = {}) {
  const asked: string[] = []
  const chain = (name: string) => ({ headers: { [name]: encodeURIComponent(`-- ${name} --\n`) } })
  const answers: Readonly<Record<string, () => Response>> = {
    '/tdx/certification/v4/tcb?fmspc=b0c06f000000': () =>
      new Response(`{"tcbInfo":${TCB},"signature":"ab"}`, chain('TCB-Info-Issuer-Chain')),
    '/tdx/certification/v4/qe/identity': () =>
      new Response(`{"enclaveIdentity":${QE},"signature":"cd"}`, chain('SGX-Enclave-Identity-Issuer-Chain')),
    '/sgx/certification/v4/pckcrl?ca=processor&encoding=der': () =>
      new Response(LIST, chain('SGX-PCK-CRL-Issuer-Chain')),
    '/sgx/certification/v4/rootcacrl': () => new Response('3001EE\n'),
    ...changes,
  }
  const send: Send = async ({ url }) => {
    asked.push(url)
    return answers[url.replace(ORIGIN, '')]?.() ?? new Response('', { status: 404 })
  }
  return { asked, fetched: () => pcs(`${ORIGIN}/`, send)({ fmspc: 'b0c06f000000', authority: 'processor' }) }
}

test('what Intel publishes about a platform is taken word by word', async () => {
  expect(await intel().fetched()).toEqual({
    pck_crl_issuer_chain: '-- SGX-PCK-CRL-Issuer-Chain --\n',
    root_ca_crl: '3001EE',
    pck_crl: '3001ff',
    tcb_info_issuer_chain: '-- TCB-Info-Issuer-Chain --\n',
    tcb_info: TCB,
    tcb_info_signature: 'ab',
    qe_identity_issuer_chain: '-- SGX-Enclave-Identity-Issuer-Chain --\n',
    qe_identity: QE,
    qe_identity_signature: 'cd',
  })
})

test('the list of the root comes from where Intel has it, if the service does not', async () => {
  const root = 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der'
  const { asked, fetched } = intel({
    '/sgx/certification/v4/rootcacrl': () => new Response('', { status: 404 }),
    [root]: () => new Response(LIST),
  })
  expect((await fetched()).root_ca_crl).toBe('3001ff')
  expect(asked).toContain(root)
})

test.each([
  ['a status', () => new Response('', { status: 404 }), `${ORIGIN}/tdx/certification/v4/qe/identity answered 404`],
  ['another document', () => new Response(`{"tcbInfo":${TCB},"signature":"ab"}`), 'there is no enclaveIdentity'],
  [
    'no certificates',
    () => new Response(`{"enclaveIdentity":${QE},"signature":"cd"}`),
    'there is no SGX-Enclave-Identity-Issuer-Chain',
  ],
])('%s in place of a document is a fault that says so', async (_, answer, why) => {
  const { fetched } = intel({ '/tdx/certification/v4/qe/identity': answer })
  await expect(fetched()).rejects.toThrow(why)
})

// A sealed chat: the body is encrypted to the enclave's key, and the gateway in between cannot read it.
//   SEALGATE_URL=http://127.0.0.1:5381 TOKEN=… bun examples/sealed-chat.ts
//
// The key comes from the gateway here, which is convenient and not authenticated. Tinfoil's SDK takes it from the
// enclave's attestation instead: use that where the gateway must not be trusted.
import { createTransport } from 'ehbp'

const { SEALGATE_URL = 'http://127.0.0.1:5381', TOKEN = '' } = process.env

const transport = await createTransport(SEALGATE_URL)
const answer = await transport.post(
  `${SEALGATE_URL}/v1/chat/completions`,
  JSON.stringify({ model: 'gpt-oss-120b', messages: [{ role: 'user', content: 'Say hello.' }], stream: true }),
  { headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' } },
)
process.stdout.write(await answer.text())

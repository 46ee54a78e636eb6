import { expect, test } from 'bun:test'
import { standInAgent } from '../../src/dev/agent.ts'
import { agent } from '../../src/tee/agent.ts'
import { agentKeys, rootKey } from '../../src/tee/keys.ts'

const keysOf = async (seed: string) => {
  const { root, receipts } = await agentKeys(agent(standInAgent({ seed }).reach))
  return [root, receipts.ed25519, receipts.ecdsa].map(key => Buffer.from(key).toString('hex'))
}

test('each role has a key of its own, the same at every start, and another in another application', async () => {
  const [ours, theirs] = [await keysOf('ours'), await keysOf('theirs')]
  expect(new Set([...ours, ...theirs]).size).toBe(6)
  expect(await keysOf('ours')).toEqual(ours)
})

test('each key is asked for by a path of its role and epoch, for nothing else tells keys apart', async () => {
  const asked: string[] = []
  const { reach } = standInAgent({ seed: 'ours' })
  const listening = agent((method, body, signal) => {
    asked.push(`${method} ${JSON.parse(body).path}`)
    return reach(method, body, signal)
  })
  await agentKeys(listening)
  await rootKey(listening)
  expect(asked.sort()).toEqual([
    'GetKey sealgate/data/v1',
    'GetKey sealgate/data/v1',
    'GetKey sealgate/receipt/ed25519/v1',
    'GetKey sealgate/receipt/secp256k1/v1',
  ])
})

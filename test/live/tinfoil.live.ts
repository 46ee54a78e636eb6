import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTransport } from 'ehbp'
import { ROOT } from '../kit/certificates.ts'
import { freshDirectory } from '../kit/directory.ts'
import { terminate } from '../kit/terminator.ts'
import { tinfoilClient } from '../kit/tinfoil.ts'
import { type LiveGateway, liveGateway, named } from './gateway.ts'

// TINFOIL_API_KEY, and what stands elsewhere than Tinfoil itself.
const { TINFOIL_API_KEY: key, LIVE_TINFOIL_URL, LIVE_TINFOIL_ATC_URL, LIVE_TINFOIL_MODEL } = process.env
const CHAT = '/v1/chat/completions'
const chat = (model: string, stream: boolean) =>
  JSON.stringify({ model, stream, max_tokens: 200, messages: [{ role: 'user', content: 'Say hello.' }] })

let gateway: LiveGateway
let model: string
beforeAll(async () => {
  if (!key) return
  gateway = await liveGateway({
    TINFOIL_API_KEY: key,
    ...(LIVE_TINFOIL_URL && { TINFOIL_BASE_URL: LIVE_TINFOIL_URL }),
    ...(LIVE_TINFOIL_ATC_URL && { TINFOIL_ATC_URL: LIVE_TINFOIL_ATC_URL }),
  })
  const { data } = (await (await gateway.ask('/models')).json()) as { data: { id: string }[] }
  const ids = data.map(({ id }) => id)
  model = LIVE_TINFOIL_MODEL ?? ids.find(id => id.startsWith('gpt-oss')) ?? ids[0] ?? ''
})
afterAll(() => gateway?.stop())

describe('Tinfoil', () => {
  test.skipIf(!key)(named('lists its models', key), () => {
    expect(model).not.toBe('')
  })

  test.skipIf(!key)(named('answers a sealed chat, which is booked and receipted', key), async () => {
    const transport = await createTransport(gateway.url)
    const { headers } = gateway
    const answer = await transport.post(gateway.url + CHAT, chat(model, false), { headers })
    expect([answer.status, answer.headers.get('x-sealgate-body')]).toEqual([200, 'sealed'])
    const { choices, usage } = (await answer.json()) as { choices: unknown[]; usage: { total_tokens: number } }
    expect(choices).not.toBeEmpty()
    await Bun.sleep(1000)
    const { total } = (await (await gateway.ask('/usage')).json()) as { total: Record<string, number> }
    expect(Number(total['prompt_tokens']) + Number(total['completion_tokens'])).toBe(usage.total_tokens)
    expect((await gateway.ask(`/receipts/${answer.headers.get('x-receipt-id')}`)).status).toBe(200)
  })

  test.skipIf(!key)(named('streams a sealed chat to its end', key), async () => {
    const transport = await createTransport(gateway.url)
    const { headers } = gateway
    const answer = await transport.post(gateway.url + CHAT, chat(model, true), { headers })
    expect([answer.status, answer.headers.get('x-sealgate-body')]).toEqual([200, 'sealed'])
    expect((await answer.text()).trimEnd()).toEndWith('data: [DONE]')
  })

  test.skipIf(!key)(named('is sent no open body', key), async () => {
    const { headers } = gateway
    const answer = await fetch(gateway.url + CHAT, { method: 'POST', headers, body: chat(model, false) })
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('sealed_body_required')])
  })

  // A stand-in attests nothing, and SecureClient says so: there it is the client that asks for no proof.
  test.skipIf(!key)(named('is attested to its own SDK, which then chats sealed', key), async () => {
    const directory = freshDirectory()
    const roots = join(directory, 'root.pem')
    writeFileSync(roots, ROOT)
    const front = await terminate(gateway.url)
    const options = { baseURL: `${front.url}/v1/`, attestationBundleURL: front.url }
    const kind = LIVE_TINFOIL_URL ? 'unverified' : 'secure'
    const client = tinfoilClient({ kind, options }, roots)
    expect(await client.ask('ready')).not.toHaveProperty('error')
    const init = { method: 'POST', headers: gateway.headers, body: chat(model, false) }
    expect(await client.ask('fetch', CHAT, init)).toMatchObject({ value: { status: 200, sealgateBody: 'sealed' } })
    await client.stop()
    await front.stop()
    rmSync(directory, { recursive: true })
  })
})

import { afterEach, describe, expect, test } from 'bun:test'
import { signer } from '../kit/jwt.ts'
import { type Siege, sieges } from '../kit/siege.ts'

const { lay, lift } = sieges()
afterEach(lift)

const [old, fresh] = [await signer('old'), await signer('fresh')]

/** Publishes the issuer's key with these, and has the set fetched again as an unknown kid does after 30 s. */
async function publish(siege: Siege, ...entries: unknown[]): Promise<void> {
  siege.published.answer = () => Response.json({ keys: [siege.issuer.jwk, ...entries] })
  siege.clock.pass(30_000)
  expect((await siege.repels(await siege.issuer.sign(siege.claims(), { kid: 'made-up' }))).stage).toBe('key')
}

describe('a key', () => {
  test('that is rotated in is good without a restart, by the first token that names it', async () => {
    const siege = await lay()
    const token = await fresh.sign(siege.claims())
    expect((await siege.repels(token)).stage).toBe('key')
    siege.published.answer = () => Response.json({ keys: [siege.issuer.jwk, fresh.jwk] })
    siege.clock.pass(29_999)
    expect((await siege.repels(token)).stage).toBe('key')
    siege.clock.pass(1)
    expect((await siege.show(token)).status).toBe(200)
  })

  test('that is rotated out takes its tokens along, even those let in a moment before', async () => {
    const siege = await lay({ entries: ({ jwk }) => [jwk, old.jwk] })
    const token = await old.sign(siege.claims())
    for (let count = 0; count < 3; count++) expect((await siege.show(token)).status).toBe(200)
    await publish(siege)
    expect((await siege.repels(token)).stage).toBe('key')
    await publish(siege, old.jwk)
    expect((await siege.show(token)).status).toBe(200)
  })

  test.each<[string, object]>([
    ['used for encryption', { use: 'enc' }],
    ['for another algorithm', { alg: 'ES384' }],
    ['without the right to verify', { key_ops: ['sign'] }],
    ['shown with its private half', { d: 'AA' }],
    ['no point any more', { y: old.jwk.x }],
  ])('that is suddenly %s takes its tokens along', async (_, change) => {
    const siege = await lay({ entries: ({ jwk }) => [jwk, old.jwk] })
    const token = await old.sign(siege.claims())
    expect((await siege.show(token)).status).toBe(200)
    await publish(siege, { ...old.jwk, ...change })
    expect((await siege.repels(token)).stage).toBe('key')
  })

  test('whose id another key takes over takes its tokens along', async () => {
    const siege = await lay({ entries: ({ jwk }) => [jwk, old.jwk] })
    const token = await old.sign(siege.claims())
    expect((await siege.show(token)).status).toBe(200)
    const heir = await signer('old')
    await publish(siege, heir.jwk)
    expect((await siege.repels(token)).stage).toBe('signature')
    expect((await siege.show(await heir.sign(siege.claims()))).status).toBe(200)
    await publish(siege, heir.jwk, old.jwk)
    expect((await siege.repels(token)).message).toContain('more than once')
  })

  test('that leaves with all the others leaves nobody in', async () => {
    const siege = await lay()
    const token = await siege.issuer.sign(siege.claims())
    expect((await siege.show(token)).status).toBe(200)
    siege.published.answer = () => Response.json({ keys: [] })
    siege.clock.pass(30_000)
    expect((await siege.show(await fresh.sign(siege.claims()))).status).toBe(401)
    expect((await siege.show(token)).status).toBe(401)
    expect(siege.upstream.requests).toHaveLength(1)
  })
})

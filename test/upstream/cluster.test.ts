import { afterEach, describe, expect, test } from 'bun:test'
import { ClusterFault } from '../../src/protocol/cluster.ts'
import { calls } from '../../src/upstream/call.ts'
import { claimsBy } from '../../src/upstream/cluster.ts'
import { memberAt, type Patroni, patroni } from '../kit/patroni.ts'

const { call } = calls()

const [one, two] = ['postgres://pg-1:5432/a', 'postgres://pg-2:5433/a']
const DOWN = 'http://127.0.0.1:1/cluster'
const never = () => new Promise<Response>(() => undefined)

const running: Patroni[] = []
afterEach(async () => {
  for (const it of running.splice(0)) await it.stop()
})

function members(...says: Patroni['says'][]) {
  const started = says.map(said => patroni(said))
  running.push(...started)
  return started.map(({ url }) => `${url}/cluster`)
}

const claims = (urls: readonly string[]) => claimsBy(urls, call)()
const faultOf = async (urls: readonly string[]) =>
  claims(urls).then(
    () => undefined,
    fault => (fault instanceof ClusterFault ? fault.code : fault),
  )

describe('a cluster', () => {
  test('says who claims to be primary by any member, though others are down, silent, wrong or redirect', async () => {
    const urls = members(
      [memberAt(one, 'leader'), memberAt(two, 'replica')],
      never,
      () => new Response('{}'),
      () => new Response('', { status: 503 }),
      () => Response.redirect('http://127.0.0.1:1/'),
    )
    expect(await claims([DOWN, ...urls])).toEqual([{ host: 'pg-1', port: 5432 }])
  })

  test('says each claim once, of all its members', async () => {
    const urls = members([memberAt(one, 'leader')], [memberAt(two, 'leader')], [memberAt(one, 'master')])
    const said = await claims(urls)
    expect(said.toSorted((a, b) => Number(a.port) - Number(b.port))).toEqual([
      { host: 'pg-1', port: 5432 },
      { host: 'pg-2', port: 5433 },
    ])
  })

  test.each<[string, Patroni['says'][], string]>([
    ['is down', [], 'no_answer'],
    ['redirects', [() => Response.redirect('http://127.0.0.1:1/')], 'no_answer'],
    [
      'answers 503 with members',
      [() => Response.json({ members: [memberAt(one, 'leader')] }, { status: 503 })],
      'no_answer',
    ],
    ['answers with a body without end', [() => new Response('[1,'.repeat(100_000))], 'no_answer'],
    ['answers what is no cluster, or not at all', [() => new Response('{}')], 'malformed'],
    ['has no leader', [[memberAt(one, 'replica')]], 'no_primary'],
  ])('that %s has no primary to tell of', async (_, says, code) => {
    expect(await faultOf([DOWN, ...members(...says)])).toBe(code)
  })
})

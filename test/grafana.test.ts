import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { answerBytes, eventually, type Stage, stages } from './kit/stage.ts'

interface Panel {
  readonly title: string
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[]
}
interface Dashboard {
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly definition?: string }[] }
}
const file = join(import.meta.dir, '..', 'examples', 'grafana.json')
const { panels, templating }: Dashboard = JSON.parse(readFileSync(file, 'utf8'))
const queries = panels.flatMap(({ title, targets }) =>
  targets.map(({ expr, legendFormat }) => [title, expr, legendFormat] as const),
)

const { set, clear } = stages()
const LIST = answerBytes('200 OK', {}, '{"data":[{"id":"small"}]}')
const STATED = answerBytes('200 OK', { 'X-Tinfoil-Usage-Metrics': 'prompt=7,completion=5,total=12,model=small' }, '{}')
const CHAT = JSON.stringify({ model: 'small', messages: [] })

interface Sample {
  readonly name: string
  readonly labels: ReadonlyMap<string, string>
}
let samples: Sample[] = []

beforeAll(async () => {
  const stage = await set(
    async wire => {
      for (;;) {
        const { head } = await wire.message()
        await wire.send(head.startsWith('GET') ? LIST : STATED)
      }
    },
    { isMeasured: true },
  )
  await lived(stage)
  samples = samplesIn(await stage.kit.metrics())
}, 60_000)
afterAll(clear)

/** Whatever can happen to a gateway, once. */
async function lived({ kit, post, get, upstream }: Stage) {
  await (await post(CHAT)).text()
  await eventually(async () => (await kit.metrics()).includes('gen_ai_response_model="small"'))
  await get({ headers: { authorization: '' } })
  await upstream.stop()
  await post(CHAT)
  await eventually(async () => (await fetch(`${kit.url}/attestation`)).status === 429)
  await eventually(async () => (await kit.metrics()).includes('sealgate_event_loop_lag_seconds_count 1'))
}

/** With the labels that Prometheus adds to each target. */
function samplesIn(text: string): Sample[] {
  return text.split('\n').flatMap(line => {
    const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? []
    if (name === undefined) return []
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value] as const)
    return [{ name, labels: new Map([...pairs, ['job', 'sealgate'], ['instance', 'here']]) }]
  })
}

const SELECTOR = /\b([a-z_]\w*)\{([^}]*)\}/g
const MATCHER = /(\w+)(=~|!=|=)"([^"]*)"/g
const WORDS = new Set(['by', 'histogram_quantile', 'increase', 'max', 'rate', 'sum', 'time'])

/** The samples that a selector of PromQL takes. */
function taken(name: string, matchers: string): Sample[] {
  const wanted = [...matchers.matchAll(MATCHER)]
  return samples.filter(
    sample =>
      sample.name === name &&
      wanted.every(([, key = '', how, value = '']) => {
        const found = sample.labels.get(key)
        if (found === undefined) return false
        if (how === '=~') return new RegExp(`^(?:${value.replace(/^\$\w+$/, '.*')})$`).test(found)
        return (found === value) === (how === '=')
      }),
  )
}

describe('the dashboard', () => {
  test.each(queries)('%s: %s', (_, expr, legend) => {
    const selectors = [...expr.matchAll(SELECTOR)]
    expect(selectors.length).toBeGreaterThan(0)
    const grouped = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '))
    const shown = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label)
    for (const [, name = '', matchers = ''] of selectors) {
      // What shows only a database that fails is held to its labels alone.
      const found = taken(name, matchers.replace(/,error_type!=""/, ''))
      expect([name, matchers, found.length > 0]).toEqual([name, matchers, true])
      for (const label of [...grouped, ...shown]) expect([...(found[0]?.labels.keys() ?? [])]).toContain(label)
    }
    if (grouped.length > 0) expect(grouped).toEqual(expect.arrayContaining(shown))
    // Nothing else is in it that could be a name.
    const rest = expr
      .replace(SELECTOR, '')
      .replace(/by \([^)]*\)/g, 'by')
      .replaceAll('[$__rate_interval]', '')
    for (const [word] of rest.matchAll(/[a-z_]\w*/gi)) expect(WORDS).toContain(word)
  })

  test('shows all that is told, each somewhere', () => {
    const families = new Set(samples.map(({ name }) => name.replace(/_(bucket|sum|count)$/, '')))
    const shown = new Set(queries.flatMap(([, expr = '']) => [...expr.matchAll(SELECTOR)].map(([, name = '']) => name)))
    const missing = [...families].filter(family => ![...shown].some(name => name.startsWith(family)))
    expect(missing).toEqual([])
  })

  test('fills its variables from what is told', () => {
    for (const { definition } of templating.list.slice(1)) {
      expect(definition).toStartWith('label_values(sealgate_build_info')
    }
    expect(samples.map(({ name }) => name)).toContain('sealgate_build_info')
  })
})

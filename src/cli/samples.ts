/** The samples of an exposition in the text format of Prometheus. */
export interface Samples {
  /** The sum over all samples of a name that have these labels; 0 where there is none. */
  sum(name: string, labels?: Labels): number
  /** The sums by the values of one label, in the order of the text; samples without it are left out. */
  by(name: string, label: string, labels?: Labels): ReadonlyMap<string, number>
  /** The value of the first sample of a name. */
  value(name: string): number | undefined
  /** The label of the first sample of a name. */
  label(name: string, label: string): string | undefined
  /** As `histogram_quantile` estimates it, in the histogram's unit; absent where nothing was observed. */
  quantile(share: number, name: string, labels?: Labels): number | undefined
}

type Labels = Readonly<Record<string, string>>

interface Sample {
  readonly name: string
  readonly labels: ReadonlyMap<string, string>
  readonly value: number
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/
// Visible ASCII alone: whoever listens there may be another program, and this ends on a terminal.
const LABEL = /(\w+)="((?:[ !#-[\]-~]|\\[\\"n])*)"/g

export function readSamples(text: string): Samples {
  const all = text.split('\n').flatMap(sampleIn)
  const having = (name: string, labels: Labels) =>
    all.filter(
      sample =>
        sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels.get(key) === value),
    )

  function by(name: string, label: string, labels: Labels = {}) {
    const sums = new Map<string, number>()
    for (const sample of having(name, labels)) {
      const key = sample.labels.get(label)
      if (key) sums.set(key, (sums.get(key) ?? 0) + sample.value)
    }
    return sums
  }
  return {
    sum: (name, labels = {}) => having(name, labels).reduce((sum, { value }) => sum + value, 0),
    by,
    value: name => all.find(sample => sample.name === name)?.value,
    label: (name, label) => all.find(sample => sample.name === name)?.labels.get(label),
    quantile: (share, name, labels) => quantileOf(share, by(`${name}_bucket`, 'le', labels)),
  }
}

function sampleIn(line: string): Sample[] {
  const [, name, labels = '', value = ''] = LINE.exec(line) ?? []
  if (name === undefined) return []
  const pairs = [...labels.matchAll(LABEL)].map(([, key = '', text = '']) => [key, text] as const)
  return [{ name, labels: new Map(pairs), value: value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value) }]
}

function quantileOf(share: number, buckets: ReadonlyMap<string, number>): number | undefined {
  const bounds = [...buckets]
    .map(([le, count]) => ({ le: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), count }))
    .sort((a, b) => a.le - b.le)
  const wanted = share * (bounds.at(-1)?.count ?? 0)
  if (wanted === 0) return undefined
  const at = bounds.findIndex(({ count }) => count >= wanted)
  const { le = 0, count = 0 } = bounds[at] ?? {}
  const below = bounds[at - 1] ?? { le: 0, count: 0 }
  // Beyond the last bound nothing is known but that.
  return le === Number.POSITIVE_INFINITY
    ? below.le
    : below.le + ((le - below.le) * (wanted - below.count)) / (count - below.count)
}

import { describe, expect, test } from 'bun:test'
import { readSamples } from '../../src/cli/samples.ts'

const TEXT = `# HELP a_total What a is.
# TYPE a_total counter
a_total{by="x",of="1"} 3
a_total{by="x",of="2"} 4
a_total{by="y",of=""} 5
age +Inf
h_bucket{le="0.1",of="1"} 10
h_bucket{le="0.2",of="1"} 90
h_bucket{le="+Inf",of="1"} 100
h_bucket{le="0.1",of="2"} 0
h_bucket{le="0.2",of="2"} 0
h_bucket{le="+Inf",of="2"} 0
`
const samples = readSamples(TEXT)

test('samples are summed over the labels that are not asked for', () => {
  expect([samples.sum('a_total'), samples.sum('a_total', { by: 'x' }), samples.sum('b_total')]).toEqual([12, 7, 0])
  expect([...samples.by('a_total', 'by')]).toEqual([
    ['x', 7],
    ['y', 5],
  ])
  expect([...samples.by('a_total', 'of', { by: 'y' })]).toEqual([])
  expect([samples.value('age'), samples.value('none')]).toEqual([Number.POSITIVE_INFINITY, undefined])
})

describe('a quantile', () => {
  test.each([
    [0.1, 0.1],
    [0.5, 0.15],
    [0.9, 0.2],
    // Beyond the last bound nothing is known but that.
    [0.99, 0.2],
  ])('of %d is estimated between two bounds', (share, seconds) => {
    expect(samples.quantile(share, 'h', { of: '1' })).toBeCloseTo(seconds, 9)
  })

  test('of nothing is none', () => {
    expect(samples.quantile(0.5, 'h', { of: '2' })).toBeUndefined()
    expect(samples.quantile(0.5, 'none')).toBeUndefined()
  })
})

test('what a terminal would obey is no label', () => {
  const { label } = readSamples('a{x="\u001b[2J",y="fine \\"so\\""} 1\n')
  expect([label('a', 'x'), label('a', 'y')]).toEqual([undefined, 'fine \\"so\\"'])
})

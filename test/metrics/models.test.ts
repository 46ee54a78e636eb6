import { expect, test } from 'bun:test'
import { listedModels } from '../../src/metrics/models.ts'
import { clockAt } from '../kit/clock.ts'

/** Names as they are told of models, and how often the list was asked for. */
function asked(list: () => Promise<readonly string[]>) {
  const clock = clockAt()
  let times = 0
  const counted = () => {
    times++
    return list()
  }
  return { name: listedModels({ list: counted, now: clock.now }), clock, times: () => times }
}

test('a model that is listed goes by its name, and any other by none of its own', async () => {
  const { name, times } = asked(async () => ['small', 'large'])
  expect(await Promise.all([name('small'), name('zebra'), name('large')])).toEqual(['small', 'other', 'large'])
  expect([name('small'), name('zebra'), times()]).toEqual(['small', 'other', 1])
})

test('a model that comes later is found within a minute', async () => {
  const models = ['small']
  const { name, clock } = asked(async () => [...models])
  await name('small')
  models.push('new')
  clock.pass(59_999)
  expect(name('new')).toBe('other')
  clock.pass(1)
  expect(await name('new')).toBe('new')
})

test('without a list there are others only, and it is asked for again a minute later', async () => {
  let isThere = false
  const { name, clock, times } = asked(async () => {
    if (!isThere) throw new Error('no list')
    return ['small']
  })
  expect([await name('small'), name('small'), times()]).toEqual(['other', 'other', 1])
  isThere = true
  clock.pass(60_000)
  expect(await name('small')).toBe('small')
})

test('ten thousand models that are listed are a hundred names, and as many that are not are one', async () => {
  const { name } = asked(async () => Array.from({ length: 10_000 }, (_, index) => `model-${index}`))
  await name('model-0')
  const names = await Promise.all(Array.from({ length: 10_000 }, (_, index) => name(`model-${index}`)))
  expect(new Set(names).size).toBe(101)
  const strangers = await Promise.all(Array.from({ length: 10_000 }, (_, index) => name(`zebra-${index}`)))
  expect([...new Set(strangers)]).toEqual(['other'])
})

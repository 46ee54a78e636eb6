import { afterEach, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startWorker, type Worker } from '../../src/workers/child.ts'
import { freshDirectory } from '../kit/directory.ts'

const PLACE = { number: 0, port: 4000, pair: undefined, isMeasured: true }
const ANSWERS = `process.on('message', order => {
  if (order.kind === 'begin') process.send({ kind: 'listening', port: order.place.port })
  if (order.kind === 'count') process.send({ kind: 'counted', id: order.id, metrics: [{ name: 'a', type: 'gauge' }] })
  if (order.kind === 'signal') process.exit(7)
})
process.send({ kind: 'ready' })`

const alive: Worker[] = []
afterEach(async () => {
  for (const worker of alive.splice(0)) {
    worker.kill()
    await worker.exited
  }
})

/** A worker of this program. */
function started(program: string, env = {}): Worker {
  const script = join(freshDirectory(), 'worker.js')
  writeFileSync(script, program)
  const worker = startWorker({ command: [process.execPath, script], env }, () => PLACE)
  alive.push(worker)
  return worker
}

test('a worker is told its place, and each signal', async () => {
  const worker = started(ANSWERS)
  expect(await worker.listening).toBe(4000)
  worker.tell({ kind: 'signal' })
  expect(await worker.exited).toBe(7)
})

test('a worker keeps memory for its next request, unless it is told otherwise', async () => {
  const tells = 'process.exit(Number(process.env.MIMALLOC_PURGE_DELAY) / 100)'
  expect(await started(tells).exited).toBe(100)
  expect(await started(tells, { MIMALLOC_PURGE_DELAY: '700' }).exited).toBe(7)
})

test('a worker that cannot hear yet is ended by a signal', async () => {
  const worker = started('setInterval(() => undefined, 1000)')
  worker.tell({ kind: 'signal' })
  expect(await worker.exited).toBe(143)
})

test('of a worker that cannot hear yet nothing is counted, at once', async () => {
  const worker = started('setInterval(() => undefined, 1000)')
  expect(await Promise.race([worker.counted(), Bun.sleep(1000)])).toEqual([])
})

test('of a worker that ends nothing is counted, and nobody waits for it', async () => {
  const worker = started(ANSWERS.replace("'count'", "'other'"))
  await worker.listening
  const asked = worker.counted()
  worker.kill()
  expect(await asked).toEqual([])
})

test('what a worker answered is held by nobody while it lives', async () => {
  const worker = started(ANSWERS)
  await worker.listening
  const answers: WeakRef<object>[] = []
  for (let at = 0; at < 50; at++) answers.push(new WeakRef(await worker.counted()))
  await Bun.sleep(0)
  Bun.gc(true)
  expect(answers.filter(answer => answer.deref()).length).toBeLessThan(10)
})

import { afterAll, expect, test } from 'bun:test'
import { executable, type Running, start, startDev } from '../kit/binary.ts'
import { freshDirectory } from '../kit/directory.ts'

const alive: Running[] = []
afterAll(() => {
  for (const running of alive) running.signal('SIGKILL')
})

test('the executable shows how it fares, lets nobody else take the address it was told, and says when nobody answers', async () => {
  const [cwd, sealgate] = [freshDirectory(), await executable()]
  const gateway = await startDev(sealgate, { cwd, args: ['--metrics-addr', '127.0.0.1:0'] })
  alive.push(gateway)
  const [, port] = await gateway.says(/metrics_on port=(\d+)/)
  const at = ['--metrics-addr', `127.0.0.1:${port}`]
  const asking = start(sealgate, { cwd, args: ['status', ...at] })
  expect(await asking.exited).toBe(0)
  expect(asking.output()).toMatch(/^sealgate +\d+\.\d+\.\d+ \(commit \w+\), up \d+ s, TEE: simulated\n/)
  const second = start(sealgate, { cwd, args: ['--dev-mode', '--port', '0', ...at] })
  expect(await second.exited).toBe(1)
  expect(second.output()).toContain(`Cannot serve metrics on 127.0.0.1:${port}: it is in use.`)
  gateway.signal('SIGTERM')
  expect(await gateway.exited).toBe(0)
  const late = start(sealgate, { cwd, args: ['status', ...at] })
  expect(await late.exited).toBe(1)
  expect(late.output()).toContain('did not answer')
})

import { expect, test } from 'bun:test'
import { breakerOf } from '../../src/gate/breaker.ts'

function asked() {
  const leaving = new AbortController()
  const request = new Request('http://localhost/', { signal: leaving.signal })
  return { leave: () => leaving.abort(), breaker: breakerOf(request), signal: request.signal }
}

test('a request is broken off when its client leaves, without a reason', () => {
  const { leave, signal } = asked()
  let told = 0
  signal.addEventListener('abort', () => told++)
  expect([signal.aborted, told]).toEqual([false, 0])
  leave()
  expect([signal.aborted, signal.reason, told]).toEqual([true, undefined, 1])
})

test('of what breaks it off the first alone is told, once, with its reason', () => {
  const { leave, breaker, signal } = asked()
  const reasons: unknown[] = []
  signal.addEventListener('abort', { handleEvent: () => reasons.push(signal.reason) })
  breaker.abort('banned')
  breaker.abort('again')
  leave()
  expect(reasons).toEqual(['banned'])
})

test('whoever was taken off is not told, be it by one who is told first', () => {
  const { breaker, signal } = asked()
  const told: string[] = []
  const late = () => told.push('late')
  signal.addEventListener('abort', () => {
    told.push('first')
    signal.removeEventListener('abort', late)
  })
  signal.addEventListener('abort', late)
  signal.addEventListener('abort', () => told.push('last'))
  breaker.abort()
  expect(told).toEqual(['first', 'last'])
})

test('a request whose client has left is broken off from the start', () => {
  const request = new Request('http://localhost/', { signal: AbortSignal.abort() })
  breakerOf(request)
  expect(request.signal.aborted).toBe(true)
})

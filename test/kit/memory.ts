/** Bytes that something still holds: not the process's size, for that grows with whatever else its tests have done. */
export function held(): number {
  Bun.gc(true)
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return heapUsed + Math.max(external, arrayBuffers)
}

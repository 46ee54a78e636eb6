import type { Kit } from './gateway.ts'

// What moves by itself, or by how fast the machine is.
const RESTLESS = /^(process_|db_client_|sealgate_event_loop_lag|sealgate_jwks_age)|_bucket\{|_seconds_sum\{/

/** Every sample of an exposition, by its name and labels as they are written; the machine's own left out. */
function figuresIn(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#') && !RESTLESS.test(line))
  return new Map(
    lines.map(line => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}

/** By how much each sample moved while something was done; those that stood still are left out. */
export async function movedBy(kit: Pick<Kit, 'metrics'>, act: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await atRest(kit)
  await act()
  const after = await atRest(kit)
  const moves = [...after].map(([name, value]) => [name, value - (before.get(name) ?? 0)] as const)
  return Object.fromEntries(moves.filter(([, move]) => move !== 0))
}

/** The samples once they have stood still for 40 ms: some move a moment after the answer that they count. */
async function atRest({ metrics }: Pick<Kit, 'metrics'>): Promise<ReadonlyMap<string, number>> {
  const until = performance.now() + 5000
  let last = figuresIn(await metrics())
  for (let still = 0; still < 4; ) {
    if (performance.now() > until) throw new Error('the figures do not come to rest')
    await Bun.sleep(10)
    const now = figuresIn(await metrics())
    still = Bun.deepEquals(now, last) ? still + 1 : 0
    last = now
  }
  return last
}

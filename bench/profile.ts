// bun bench/profile.ts [seconds]: where the governed path spends its time, by place as a table and by call as flame.svg.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Frame, flameGraph } from './flame.ts'
import { stage } from './parts.ts'
import { load } from './wrk.ts'

const SECONDS = Number(Bun.argv[2] ?? 20)
const SAMPLE_MICROSECONDS = 250
/** Frames and places with less than this share of the samples are left out. */
const LEAST = 0.004

interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
}

const directory = mkdtempSync(join(tmpdir(), 'sealgate-profile-'))
const profiles = join(directory, 'profiles')
mkdirSync(profiles)
const on = await stage()
try {
  const upstream = await on.answering(7651)
  const flags = ['--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-interval=${SAMPLE_MICROSECONDS}`]
  const subject = await on.stretch('metrics', upstream, 7652, flags)
  await load(subject, { directory, authorization: on.authorization, connections: 32, seconds: SECONDS })
  await on.end(subject)
  const [file = ''] = readdirSync(profiles)
  const profile: Profile = await Bun.file(join(profiles, file)).json()
  const root = framesOf(profile)
  await Bun.write(join(import.meta.dir, 'flame.svg'), flameGraph(root, LEAST))
  process.stdout.write('| where | % of samples |\n| --- | --- |\n')
  for (const [place, count] of byPlace(root)) {
    const share = count / root.count
    if (share >= LEAST) process.stdout.write(`| ${place} | ${(100 * share).toFixed(1)} |\n`)
  }
} finally {
  await on.stop()
  rmSync(directory, { recursive: true })
}

/** A profile's call tree: calls of one function from one place are one frame. */
function framesOf({ nodes, samples }: Profile): Frame {
  const counts = new Map<number, number>()
  for (const id of samples) counts.set(id, (counts.get(id) ?? 0) + 1)
  const byId = new Map(nodes.map(node => [node.id, node]))
  const frameOf = (id: number): Frame => {
    const { functionName = '', url = '' } = byId.get(id)?.callFrame ?? {}
    const children = new Map<string, Frame>()
    for (const child of byId.get(id)?.children ?? []) add(children, frameOf(child))
    const count = [...children.values()].reduce((sum, each) => sum + each.count, counts.get(id) ?? 0)
    return { name: functionName || '(anonymous)', place: placeOf(url), count, children: [...children.values()] }
  }
  return frameOf(nodes[0]?.id ?? 0)
}

function add(into: Map<string, Frame>, frame: Frame): void {
  const key = `${frame.place} ${frame.name}`
  const there = into.get(key)
  if (!there) return void into.set(key, frame)
  const children = new Map(there.children.map(child => [`${child.place} ${child.name}`, child]))
  for (const child of frame.children) add(children, child)
  into.set(key, { ...there, count: there.count + frame.count, children: [...children.values()] })
}

/** A file as it is called here: below `src`, a package, or a module of the runtime's; empty for native code. */
function placeOf(url: string): string {
  const [, ours] = /\/(src\/[^?]+)$/.exec(url) ?? []
  const [, other] = /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? []
  return other ?? ours ?? url.replace(/^(?:file:)?\/.*\//, '')
}

/** Samples by the innermost frame that is not native, most first. */
function byPlace(root: Frame): [string, number][] {
  const counts = new Map<string, number>()
  const walk = ({ place: own, count, children }: Frame, outer: string): void => {
    const place = own === '' ? outer : own
    const self = children.reduce((left, child) => left - child.count, count)
    if (self > 0) counts.set(place, (counts.get(place) ?? 0) + self)
    for (const child of children) walk(child, place)
  }
  walk(root, 'the runtime')
  return [...counts].sort(([, one], [, other]) => other - one)
}

/** A function, with all that it called. */
export interface Frame {
  readonly name: string
  /** Its file, empty for native code. */
  readonly place: string
  /** Samples in it and below. */
  readonly count: number
  readonly children: readonly Frame[]
}

const WIDTH = 1600
const ROW = 17
const LETTER = 6.6
const TITLE = 'The governed path by call, its callers above'

/** A flame graph as SVG, callers above; what has less than a share of all samples is left out. */
export function flameGraph(root: Frame, least: number): string {
  const rows: string[] = []
  let deepest = 0
  const draw = (frame: Frame, x: number, depth: number): void => {
    const width = (WIDTH * frame.count) / root.count
    deepest = Math.max(deepest, depth)
    rows.push(rectangle(frame, { x, y: depth * ROW, width, share: frame.count / root.count }))
    let at = x
    for (const child of [...frame.children].sort((one, other) => other.count - one.count)) {
      if (child.count / root.count >= least) draw(child, at, depth + 1)
      at += (WIDTH * child.count) / root.count
    }
  }
  draw(root, 0, 0)
  const size = `width="${WIDTH}" height="${(deepest + 1) * ROW}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="monospace" font-size="11">\n<title>${TITLE}</title>\n${rows.join('\n')}\n</svg>\n`
}

interface Box {
  x: number
  y: number
  width: number
  share: number
}

function rectangle({ name, place }: Frame, { x, y, width, share }: Box): string {
  const title = escaped(`${name} ${place} ${(100 * share).toFixed(1)} %`)
  const label = escaped(name.slice(0, Math.max(0, Math.floor((width - 4) / LETTER))))
  const box = `x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${colour(place)}"`
  return `<g><title>${title}</title><rect ${box}/><text x="${(x + 2).toFixed(1)}" y="${y + 12}">${label}</text></g>`
}

/** Ours, the runtime's modules, packages, native code. */
function colour(place: string): string {
  if (place === '') return '#d8d8d8'
  if (place.startsWith('src/')) return '#f4b183'
  return /^(node|bun|internal)[:/]/.test(place) ? '#a9c9e8' : '#b5d6a7'
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

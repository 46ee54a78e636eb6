import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'

/** Draws a specification as SVG, which needs no browser. */
export function svg(spec: TopLevelSpec): Promise<string> {
  return new View(parse(compile({ ...spec, background: 'white' }).spec), { renderer: 'none' }).toSVG()
}

import { svg } from '../../../bench/svg.ts'
import type { Sample } from './samples.ts'

const SHOWN = [
  ['memory', 'resident memory, MB'],
  ['descriptors', 'descriptors'],
  ['p99', 'p99 of small chats, ms'],
] as const

/** What a process did over time, a line each; what happened to it stands as a rule. */
export function plot(samples: readonly Sample[], events: readonly { minute: number; what: string }[]): Promise<string> {
  return svg({
    vconcat: SHOWN.map(([field, title]) => ({
      width: 720,
      height: 140,
      layer: [
        {
          data: { values: [...events] },
          mark: { type: 'rule', color: '#c66' },
          encoding: { x: { field: 'minute', type: 'quantitative' }, tooltip: { field: 'what' } },
        },
        {
          data: { values: [...samples] },
          mark: 'line',
          encoding: {
            x: { field: 'minute', type: 'quantitative', title: 'minutes' },
            y: { field, type: 'quantitative', title },
          },
        },
      ],
    })),
  })
}

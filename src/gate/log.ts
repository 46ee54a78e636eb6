import { type Event, type Fields, LEVELS, type Level, type Log } from '../protocol/log.ts'

interface Deps {
  format: 'text' | 'json'
  level: Level
  now: () => number
  write: (line: string) => void
}

/** The log: one line an event, as text for people or JSON for machines; lines below `level` are not made. */
export function logger({ format, level, now, write }: Deps): Log {
  const least = LEVELS.indexOf(level)
  const line = format === 'json' ? jsonLine : textLine
  return (at, event, fields = {}) => {
    if (LEVELS.indexOf(at) >= least) write(line(new Date(now()).toISOString(), at, event, fields))
  }
}

function jsonLine(time: string, level: Level, event: Event, fields: Fields): string {
  return `${JSON.stringify({ time, level, event, ...fields })}\n`
}

function textLine(time: string, level: Level, event: Event, fields: Fields): string {
  let line = `${time} ${level.padEnd(5)} ${event}`
  for (const name in fields) line += ` ${name}=${fields[name as keyof Fields]}`
  return `${line}\n`
}

import http from 'node:http'
import type { Subject } from './parts.ts'
import { mappedMegabytes, rssMegabytes } from './proc.ts'

/** Memory of a subject that holds so many open streams, beside what it had before and after. */
export interface Held {
  readonly idle: number
  readonly open: number
  readonly after: number
  /** Kilobytes of 10³ bytes, of what is not mapped from files: a program's own pages come and go. */
  readonly perStream: number
}

/** Opens streams, waits until each has had its first event, and looks at the subject's memory. */
export async function hold(subject: Subject, authorization: string, count: number): Promise<Held> {
  await settle()
  const idle = rssMegabytes(subject.pid)
  const own = ownMegabytes(subject)
  const agent = new http.Agent({ maxSockets: count })
  const requests = Array.from({ length: count }, () => openStream(subject, authorization, agent))
  const open = await Promise.all(requests)
  await settle()
  const held = rssMegabytes(subject.pid)
  const perStream = ((ownMegabytes(subject) - own) * 1000) / count
  for (const request of open) request.destroy()
  await settle()
  return { idle, open: held, after: rssMegabytes(subject.pid), perStream }
}

const ownMegabytes = ({ pid }: Subject) => rssMegabytes(pid) - mappedMegabytes(pid)
const settle = () => Bun.sleep(3000)

function openStream(subject: Subject, authorization: string, agent: http.Agent): Promise<http.ClientRequest> {
  return new Promise((resolve, reject) => {
    const headers = { authorization, 'content-type': 'application/json' }
    const url = `${subject.url}/v1/chat/completions`
    const request = http.request(url, { method: 'POST', headers, agent }, answer => {
      answer.on('error', () => undefined)
      answer.once('data', () => resolve(request))
    })
    request.on('error', reject)
    request.end('{"model":"bench","stream":true,"messages":[]}')
  })
}

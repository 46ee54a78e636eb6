import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Body } from '../../src/upstream/body.ts'
import type { Egress } from '../../src/upstream/egress.ts'
import type { Answer } from '../../src/upstream/received.ts'
import { rootsIn } from '../../src/upstream/roots.ts'
import { transport } from '../../src/upstream/transport.ts'
import { forOther, ROOT } from './certificates.ts'
import { connectProxy } from './connect-proxy.ts'
import { freshDirectory } from './directory.ts'
import { type Reply, rawUpstream } from './raw.ts'
import { answerBytes, type stages } from './stage.ts'
import { terminate } from './terminator.ts'

const directory = freshDirectory()
const file = join(directory, 'root.pem')
writeFileSync(file, ROOT)

const roots = rootsIn(file)
rmSync(directory, { recursive: true })

export const ELSEWHERE = 'https://other.example'
export const OK = answerBytes('200 OK', {}, 'ok')
const PASSWORD = 'hunter%402'

/** Makes servers that show themselves as `other.example`, each reached by a proxy alone. */
export const behindProxies =
  ({ also }: ReturnType<typeof stages>) =>
  async (reply: Reply = OK, behaviour: Parameters<typeof connectProxy>[1] = {}) => {
    const upstream = also(await rawUpstream(reply))
    const target = also(await terminate(upstream.url, forOther))
    const proxy = also(await connectProxy(target.url, behaviour))
    const url = new URL(proxy.url)
    url.username = 'ada'
    url.password = PASSWORD
    return { upstream, target, proxy, egress: { roots, proxy: url } }
  }

interface Asked {
  method?: string
  body?: Body | null
  signal?: AbortSignal
}

/** How long each moment of a request may take here. */
const patience = { connectMs: 3000, bodyMs: 3000, headerMs: 3000 }

/** Sends requests by a transport of their own. */
export function sending(egress: Egress, connectMs = 3000) {
  const send = transport({ ...patience, connectMs }, egress)
  return (url = ELSEWHERE, { method = 'GET', body = null, signal = new AbortController().signal }: Asked = {}) =>
    send({ origin: new URL(url), method, path: '/a?b', headers: {}, body, signal, reached: () => undefined })
}

/** All of an answer. */
export async function textOf(answer: Answer): Promise<string> {
  let text = ''
  for await (const bytes of answer) text += bytes
  return text
}

import { Problem } from '../protocol/problem.ts'

interface Asked {
  url: string
  accept: string
  /** Milliseconds for the whole exchange. */
  withinMs: number
  maxBytes: number
}

/** Gets a small document from somebody else's server. */
export type Call = (asked: Asked) => Promise<Uint8Array>

/**
 * Every call that is not a forwarded request: GET, no redirects, bounded in time and size, certificates verified, no
 * proxy and no compression, nothing of ours sent along.
 * @throws Problem `upstream_unreachable`, `upstream_timeout` or `upstream_malformed` (not an HTTP URL, any status but
 * 200, too large).
 */
export const call: Call = async ({ url, accept, withinMs, maxBytes }) => {
  // fetch also reads files and buckets, and a URL may come out of a document of somebody else's.
  if (!/^https?:/i.test(url)) throw new Problem('upstream_malformed', 'The other server has no HTTP address.')
  try {
    const response = await fetch(url, {
      headers: { accept, 'user-agent': 'sealgate' },
      redirect: 'manual',
      decompress: false,
      proxy: false,
      tls: { rejectUnauthorized: true },
      signal: AbortSignal.timeout(withinMs),
    })
    if (response.status !== 200) {
      await response.body?.cancel()
      throw malformed(`with status ${response.status}`)
    }
    return await readAtMost(maxBytes, response)
  } catch (cause) {
    if (cause instanceof Problem) throw cause
    if (cause instanceof DOMException && cause.name === 'TimeoutError')
      throw new Problem('upstream_timeout', 'The other server did not answer in time.', { cause })
    throw new Problem('upstream_unreachable', 'The other server could not be reached.', { cause })
  }
}

async function readAtMost(maxBytes: number, { body }: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.byteLength
    if (size > maxBytes) throw malformed(`with more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function malformed(how: string): Problem {
  return new Problem('upstream_malformed', `The other server answered ${how}.`)
}

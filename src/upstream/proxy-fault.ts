import { Problem } from '../protocol/problem.ts'

type Code = 'unreachable' | 'timeout' | 'closed' | 'malformed' | `refused_${string}`

const WORDS: Readonly<Record<string, string>> = {
  unreachable: 'could not be reached',
  timeout: 'did not connect in time',
  closed: 'hung up before it had connected',
  malformed: 'answered with something that is not HTTP',
}

/** What keeps a forward proxy from connecting; `refused_407` and the like have the status that it answered with. */
export class ProxyFault extends Error {
  override readonly name = 'ProxyFault'

  readonly code: Code

  constructor(code: Code, options?: ErrorOptions) {
    super(`The proxy on the way ${WORDS[code] ?? `refused to connect (${code.slice(8)})`}.`, options)
    this.code = code
  }

  /** What a caller is told of it. */
  get problem(): Problem {
    const code = this.code === 'timeout' ? 'upstream_timeout' : 'upstream_unreachable'
    return new Problem(code, this.message, { cause: this })
  }
}

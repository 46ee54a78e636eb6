interface Target {
  host: string
  port: number
  withTls: boolean
}

const WITHIN_MS = 5000

/** Asks the gateway on this machine whether it is well: 0 if it answers 200 within five seconds, else 1 and why. */
export async function healthcheck({ host, port, withTls }: Target, say: (line: string) => void): Promise<0 | 1> {
  const url = `${withTls ? 'https' : 'http'}://${reachable(host)}:${port}/health`
  try {
    const response = await fetch(url, {
      signal: AbortSignal.timeout(WITHIN_MS),
      redirect: 'manual',
      proxy: false,
      // Whether it is well, not who it is: a certificate is for the names that clients know, and this is loopback.
      tls: { rejectUnauthorized: false },
    })
    if (response.status === 200) return 0
    say(`${url} answered ${response.status}.`)
  } catch {
    say(`${url} did not answer: is the gateway running, and HOST, PORT and what is set of TLS the same as its own?`)
  }
  return 1
}

/** Whoever listens on every address is reached on loopback. */
export function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

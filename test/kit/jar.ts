const MOST_HOPS = 20

interface Cookie {
  readonly host: string
  readonly path: string
  readonly name: string
  readonly value: string
}

/** A browser without a page: cookies by host and path (RFC 6265), and one redirect after another. */
export function cookieJar() {
  let cookies: Cookie[] = []

  async function ask(url: string | URL, init: RequestInit = {}): Promise<Response> {
    const { hostname: host, pathname } = new URL(url)
    const sent = cookies.filter(cookie => cookie.host === host && isUnder(cookie.path, pathname))
    const headers = new Headers(init.headers)
    if (sent.length > 0) headers.set('cookie', sent.map(({ name, value }) => `${name}=${value}`).join('; '))
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) keep(host, line)
    return response
  }

  function keep(host: string, line: string): void {
    const [pair = '', ...attributes] = line.split(/; */)
    const [name = '', value = ''] = pair.split(/=(.*)/s)
    const attribute = (wanted: string) =>
      attributes.find(text => text.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1)
    const path = attribute('path') ?? '/'
    const isOver = attribute('max-age') === '0' || Date.parse(attribute('expires') ?? '') < Date.now()
    cookies = cookies.filter(cookie => cookie.host !== host || cookie.path !== path || cookie.name !== name)
    if (!isOver) cookies.push({ host, path, name, value })
  }

  return {
    ask,
    /** Follows redirects from here until one goes to an address that begins so, which is not asked for but given. */
    walk: async (url: string | URL, until: string): Promise<URL> => {
      let at = new URL(url)
      for (let hops = 0; hops < MOST_HOPS; hops++) {
        if (at.href.startsWith(until)) return at
        const response = await ask(at)
        const location = response.headers.get('location')
        if (location === null) throw new Error(`${at.pathname}: ${response.status} ${await response.text()}`)
        at = new URL(location, at)
      }
      throw new Error(`more than ${MOST_HOPS} redirects`)
    },
    /** Every cookie, as `name=value`. */
    get cookies(): readonly string[] {
      return cookies.map(({ name, value }) => `${name}=${value}`)
    },
  }
}

function isUnder(path: string, pathname: string): boolean {
  return pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`)
}

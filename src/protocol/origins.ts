const ORIGIN = /^https?:\/\/(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::\d{1,5})?$/
const SUBDOMAINS = /^https:\/\/\*\.(?:[a-z0-9-]+\.)+[a-z0-9-]+(?::\d{1,5})?$/

/** Whether a text is a web origin exactly as browsers send it: no port that its scheme implies, no other spelling of an address. */
export function isOrigin(text: string): boolean {
  return ORIGIN.test(text) && URL.parse(text)?.origin === text
}

/** Whether a text is a web origin as browsers send it (RFC 6454 section 6.2), or `https://*.example.com`. */
export function isOriginPattern(text: string): boolean {
  return ORIGIN.test(text) || SUBDOMAINS.test(text)
}

/**
 * Tells whether an `Origin` is on the list. `https://*.example.com` stands for each direct subdomain: not for the bare
 * domain, not for a deeper one, not for `https://evilexample.com`.
 */
export function originMatcher(patterns: readonly string[]): (origin: string) => boolean {
  const exact = new Set(patterns.filter(pattern => !pattern.includes('*')))
  const endings = patterns.filter(pattern => pattern.includes('*')).map(pattern => pattern.slice('https://*'.length))
  return origin => exact.has(origin) || endings.some(ending => isDirectSubdomain(origin, ending))
}

function isDirectSubdomain(origin: string, ending: string): boolean {
  if (!origin.startsWith('https://') || !origin.endsWith(ending)) return false
  return /^[a-z0-9-]+$/.test(origin.slice('https://'.length, -ending.length))
}

/** Request header in which Tinfoil's clients name the enclave they sealed to. */
export const ENCLAVE_URL_HEADER = 'x-tinfoil-enclave-url'

/** A pattern for host names: in each label `*` stands for letters, digits and hyphens, never for a dot. */
const PATTERN = /^(?:[a-z0-9*-]+\.)+[a-z0-9-]+\.[a-z0-9-]+$|^[a-z0-9-]+\.[a-z0-9-]+$/i

// A grammar and not `new URL`: that one forgives blanks, backslashes, other digits and a dozen spellings of a host.
const ORIGIN = /^https:\/\/((?:[a-z0-9-]+\.)+[a-z0-9-]+)(?::443)?\/?$/i

/** Whether a text is a host pattern; the last two labels hold no `*`, so that none covers a whole registry. */
export function isHostPattern(text: string): boolean {
  return PATTERN.test(text)
}

/**
 * The host of an enclave's URL, in lower case; or `undefined` if the text is anything but an https origin on port 443
 * with an ASCII host name: no user, path, query, fragment or trailing dot, at most one slash at its end.
 */
export function enclaveHost(url: string): string | undefined {
  return ORIGIN.exec(url)?.[1]?.toLowerCase()
}

/** Tells whether a host, in lower case, is one of the patterns, compared label by label. */
export function hostMatcher(patterns: readonly string[]): (host: string) => boolean {
  const rules = patterns.map(pattern => {
    const source = pattern.toLowerCase().replaceAll('.', '\\.').replaceAll('*', '[a-z0-9-]*')
    return new RegExp(`^${source}$`)
  })
  return host => rules.some(rule => rule.test(host))
}

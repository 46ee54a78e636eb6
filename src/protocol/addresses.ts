import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** Whether a text is a network in CIDR notation (RFC 4632, RFC 4291 section 2.3), `10.0.0.0/8` or `fd00::/8`. */
export function isNetwork(text: string): boolean {
  return ipaddr.isValidCIDR(text)
}

/** Tells whether an address lies in one of the networks; an IPv4 address mapped into IPv6 counts as what it is. */
export function networkMatcher(networks: readonly string[]): (address: string) => boolean {
  const ranges = networks.map(network => ipaddr.parseCIDR(network))
  return text => {
    const address = parse(text)
    return (
      address !== undefined &&
      ranges.some(([base, bits]) => base.kind() === address.kind() && address.match(base, bits))
    )
  }
}

/**
 * Who sent a request: the peer; or, where the peer is a trusted proxy, the rightmost address of `X-Forwarded-For` that
 * is not one. Whatever stands left of that was written by whoever it names.
 */
export function clientAddress(
  peer: string,
  forwardedFor: string | null,
  isTrusted: (address: string) => boolean,
): string {
  if (!forwardedFor) return peer
  let address = peer
  for (const hop of forwardedFor.split(',').reverse()) {
    if (!isTrusted(address) || !parse(hop.trim())) return address
    address = hop.trim()
  }
  return address
}

/** What a limit per address counts: an IPv4 address, or the /64 that an IPv6 address lies in (one household). */
export function neighbourhood(text: string): string {
  const address = parse(text)
  if (!address) return 'unknown'
  return address instanceof ipaddr.IPv4 ? address.toString() : address.toByteArray().slice(0, 8).join('.')
}

function parse(text: string): Address | undefined {
  return ipaddr.isValid(text) ? ipaddr.process(text) : undefined
}

import { host, integer, networks, origins } from '../protocol/kinds.ts'
import type { Setting } from './setting.ts'

/** Where the gateway is reached, and through what. */
export const network = {
  HOST: {
    kind: host,
    default: '0.0.0.0',
    dev: '127.0.0.1',
    attested: false,
    what: 'The address to listen on.',
    why: 'Operators behind a proxy on the same machine, who want loopback only, or those on IPv6.',
  },
  PORT: {
    kind: integer(0, 65_535),
    default: '5381',
    attested: false,
    what: 'The port to listen on; 0 takes any free one.',
    why: 'Operators whose platform assigns the port, and tests.',
  },
  CORS_ALLOWED_ORIGINS: {
    kind: origins,
    unset: 'no other origin',
    attested: true,
    what: 'Origins whose pages may call, between commas; `https://*.example.com` is each direct subdomain.',
    why: 'Every operator with a front end on another origin.',
  },
  TRUSTED_PROXIES: {
    kind: networks,
    unset: 'none',
    attested: false,
    what: 'Networks of the proxies in front, as CIDR between commas: their `X-Forwarded-For` tells who calls.',
    why: 'Operators behind a load balancer: else all callers share its limit on public routes.',
  },
} as const satisfies Readonly<Record<string, Setting>>

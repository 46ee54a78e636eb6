import { host, integer, networks, origins, path, proxyUrl } from '../protocol/kinds.ts'
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
  CA_FILE: {
    kind: path,
    unset: 'the public authorities alone',
    attested: 'content',
    what: 'Private roots in PEM, trusted besides the public ones for what goes out over https; read once, at the start.',
    why: 'Operators whose backends or providers have certificates of their own; PostgreSQL has DATABASE_CA_FILE.',
  },
  UPSTREAM_PROXY: {
    kind: proxyUrl,
    secret: true,
    unset: 'none, whatever `HTTPS_PROXY` says',
    attested: false,
    what: 'The forward proxy to every other machine, as `http://USER:PASSWORD@HOST:PORT`; reports tell that there is one.',
    why: 'Operators whose machines reach the world by a proxy alone; mostly given as a file.',
  },
} as const satisfies Readonly<Record<string, Setting>>

import { isNetwork } from './addresses.ts'
import { postgresAddress } from './database-url.ts'
import { isEmail } from './email.ts'
import { isHostPattern } from './enclave-url.ts'
import { isOrigin, isOriginPattern } from './origins.ts'

/**
 * What the text of a setting may be, and what it becomes. `read` gives `undefined` for any text it does not
 * understand and never quotes it, so that a kind serves secrets as well.
 */
export interface Kind<T> {
  /** Completes the sentence "this is not". */
  readonly expects: string
  /** The text that a flag given without a value stands for. Without it such a flag is a fault. */
  readonly bare?: string
  read(text: string): T | undefined
}

/** A whole number within bounds, in plain decimals: `0x10`, `1e3`, `+5`, `05` and ` 5` are none. */
export const integer = (least: number, most: number): Kind<number> => ({
  expects: `a whole number from ${least} to ${most}`,
  read: text => {
    const number = /^(0|[1-9]\d*)$/.test(text) ? Number(text) : Number.NaN
    return number >= least && number <= most ? number : undefined
  },
})

/** One of a few words, written exactly so. */
export const choice = <const T extends string>(...options: readonly T[]): Kind<T> => ({
  expects: `one of ${options.join(', ')}`,
  read: text => options.find(option => option === text),
})

/** `true`, `1`, `false` or `0`; as a bare flag, true. */
export const boolean: Kind<boolean> = {
  expects: 'one of true, false, 1, 0',
  bare: 'true',
  read: text => ['true', '1'].includes(text) || (['false', '0'].includes(text) ? false : undefined),
}

/** Any text, kept as it is. */
export const text: Kind<string> = {
  expects: 'a text',
  read: text => text,
}

/** The path of a file. */
export const path: Kind<string> = {
  expects: 'the path of a file',
  read: text => (text.includes('\0') ? undefined : text),
}

/** Where a guest agent is: a socket's path, or an http URL. */
export const agentAddress: Kind<string> = {
  expects: 'the path of a socket, beginning with /, or an http URL',
  read: text => (text.startsWith('/') ? path.read(text) : baseUrl.read(text)),
}

/**
 * Entries between commas, blanks around them dropped. An empty entry is refused: `,` would else become the empty
 * list, which for a list of what is allowed could pass for "all".
 */
export const list: Kind<readonly string[]> = {
  expects: 'a list of non-empty entries between commas',
  read: text => {
    const entries = text.split(',').map(entry => entry.trim())
    return entries.includes('') ? undefined : Object.freeze(entries)
  },
}

/** A list whose every entry passes a test. */
const listOf = (expects: string, isEntry: (entry: string) => boolean): Kind<readonly string[]> => ({
  expects: `a list of ${expects} between commas`,
  read: text => {
    const entries = list.read(text)
    return entries?.every(isEntry) ? entries : undefined
  },
})

/** Host names in which `*` may stand left of the last two labels. */
export const hostPatterns = listOf('host names, with * only left of the last two labels,', isHostPattern)

/** Web origins, or the direct subdomains of one. */
export const origins = listOf('origins like https://app.example.com or https://*.example.com', isOriginPattern)

/** Web origins, each as browsers send it. */
export const exactOrigins = listOf('origins like https://app.example.com', isOrigin)

/** Networks in CIDR notation. */
export const networks = listOf('networks like 10.0.0.0/8', isNetwork)

/** E-mail addresses. */
export const emails = listOf('e-mail addresses', isEmail)

const isDomain = (text: string): boolean => /^[a-z\d-]+(\.[a-z\d-]+)+$/i.test(text)

/** Domains of organisations. */
export const domains = listOf('domains like example.com', isDomain)

/** A domain. */
export const domain: Kind<string> = {
  expects: 'a domain like gateway.example.com',
  read: text => (isDomain(text) ? text : undefined),
}

/** What dstack calls an application, as it stands in a host name before a port. */
export const appId: Kind<string> = {
  expects: 'the id of an application: at most 57 letters, digits and hyphens',
  read: text => (/^[a-z\d][a-z\d-]{0,56}$/i.test(text) ? text : undefined),
}

/** One scope (RFC 6749 section 3.3). */
export const scopeWord: Kind<string> = {
  expects: 'one scope: visible ASCII without blanks, quotes and backslashes',
  read: text => (/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(text) ? text : undefined),
}

/** A host name or an IP address (IPv6 without brackets), with no port. */
export const host: Kind<string> = {
  expects: 'a host name or an IP address without a port',
  // The second half asks for two colons, so that `0.0.0.0:5381` is not taken for an IPv6 address.
  read: text => (/^[\w.-]+$|^(?=.*:.*:)[\da-f:.]+(%[\w.-]+)?$/i.test(text) ? text : undefined),
}

/** Where to listen. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** A host and a port, an IPv6 address in brackets; or the word `off`. */
export const listenAddress: Kind<Address | 'off'> = {
  expects: 'off, or an address with its port, like 127.0.0.1:9464 or [::1]:9464',
  read: text => {
    if (text === 'off') return text
    const [, inBrackets, plain = '', digits = ''] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text) ?? []
    const [name, number] = [host.read(inBrackets ?? plain), integer(0, 65_535).read(digits)]
    const isFit = inBrackets === undefined || inBrackets.includes(':')
    return name !== undefined && number !== undefined && isFit ? { host: name, port: number } : undefined
  },
}

function webAddress(text: string): URL | undefined {
  // `URL` itself drops blanks and line breaks: whoever wrote them meant something else.
  const url = /^https?:\/\/\S+$/i.test(text) ? URL.parse(text) : null
  return url && !url.username && !url.password ? url : undefined
}

/** An http or https URL without a user or a fragment, normalised. */
export const url: Kind<string> = {
  expects: 'an http or https URL without a user or a fragment',
  read: text => (text.includes('#') ? undefined : webAddress(text)?.href),
}

/** An http or https URL to which paths are appended: no user, query or fragment, and no slash at its end. */
export const baseUrl: Kind<string> = {
  expects: 'an http or https URL without a user, a query or a fragment',
  read: text => (/[?#]/.test(text) ? undefined : webAddress(text)?.href.replace(/\/+$/, '')),
}

/** Addresses as {@link baseUrl} reads one. */
export const baseUrls: Kind<readonly string[]> = {
  expects: 'a list of http or https URLs between commas, none with a user, a query or a fragment',
  read: text => {
    const urls = list.read(text)?.map(entry => baseUrl.read(entry))
    return urls?.every(url => url !== undefined) ? Object.freeze(urls) : undefined
  },
}

/** Where a forward proxy is, with its user and password if it asks for them. */
export const proxyUrl: Kind<string> = {
  expects: 'an http or https URL of a proxy, like http://USER:PASSWORD@HOST:PORT (a % in it as %25)',
  read: text => {
    const url = /^https?:\/\/[^\s?#]+$/i.test(text) ? URL.parse(text) : null
    return url?.pathname === '/' && isDecodable(url.username + url.password) ? url.href : undefined
  },
}

function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text).isWellFormed()
  } catch {
    return false
  }
}

/** An issuer of OpenID Connect, which is compared exactly and so kept as it is written. */
export const issuer: Kind<string> = {
  expects: baseUrl.expects,
  read: text => (baseUrl.read(text) === undefined ? undefined : text),
}

/** Whether a URL of the kinds above names this machine. */
export const isOnLoopback = (address: string): boolean =>
  /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(new URL(address).hostname)

/** Whether a URL of the kinds above would carry its traffic unencrypted beyond this machine. */
export const travelsInTheClear = (address: string): boolean =>
  new URL(address).protocol === 'http:' && !isOnLoopback(address)

/** Where the state lives: `sqlite:FILE`, `sqlite::memory:` or `postgres://USER:PASSWORD@HOST/DATABASE`. */
export const database: Kind<string> = {
  expects: 'one of sqlite:FILE, sqlite::memory: and postgres://USER:PASSWORD@HOST/DATABASE (a % in it as %25)',
  // `sqlite://host/file` and `sqlite::memory` would name files that nobody meant.
  read: text =>
    text === 'sqlite::memory:' || /^sqlite:(?!\/\/|:)./.test(text) || postgresAddress(text) ? text : undefined,
}

/** Where a PostgreSQL is: a host name, an IP address without brackets, or the directory of a socket. */
export const databaseHost: Kind<string> = {
  expects: 'a host name, an IP address without a port, or the directory of a socket, beginning with /',
  read: text => (text.startsWith('/') ? path.read(text) : /%/.test(text) ? undefined : host.read(text)),
}

/** 32 bytes in hex. */
export const hexKey: Kind<string> = {
  expects: '32 bytes in hex (64 digits)',
  read: text => (/^[\da-f]{64}$/i.test(text) ? text : undefined),
}

/** What may stand in an HTTP header after `Bearer`: visible ASCII, no blank (RFC 9110, section 5.5). */
export const headerToken: Kind<string> = {
  expects: 'visible ASCII without blanks, as an HTTP header needs it',
  read: text => (/^[\x21-\x7e]+$/.test(text) ? text : undefined),
}

/** What a provider calls its client, or gives it as a secret: visible ASCII (RFC 6749, appendix A), blanks only inside. */
export const clientText: Kind<string> = {
  expects: 'visible ASCII without blanks around it',
  read: text => (/^[\x20-\x7e]+$/.test(text) && text.trim() === text ? text : undefined),
}

/** A secret that two sides share, as a file of theirs holds it: any text of UTF-8 but blanks, those around it dropped. */
export const sharedSecret: Kind<string> = {
  expects: 'a text in UTF-8 that is not blank',
  // What is no UTF-8 is read as U+FFFD: a signature by that would be wrong in silence.
  read: text => (text.includes('\uFFFD') ? undefined : text.trim() || undefined),
}

/**
 * A wrong value as a fault may show it: escaped as JSON, at most 80 characters of it, and without the parts of a URL
 * that may hold a password (what stands before `@`, and what follows `?`, `#` or `=`); of a PostgreSQL URL, whose
 * faults are mostly the password's, nothing.
 */
export function quoted(value: string): string {
  const harmless = value
    .replace(/^\s*(postgres\w*).*$/is, '$1...')
    .replace(/^([a-z][a-z\d+.-]*:\/\/)?.*@/is, '$1...@')
    .replace(/([?#=]).+$/s, '$1...')
  return JSON.stringify(harmless.length > 80 ? `${harmless.slice(0, 77)}...` : harmless)
}

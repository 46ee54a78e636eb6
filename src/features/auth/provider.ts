/** Somebody, by the word of a provider. */
export interface Identity {
  /** Whose word it is: the provider's id. */
  readonly provider: string
  /** Issuer and subject: both together are one account for good. */
  readonly issuer: string
  readonly subject: string
  readonly email: string | null
  /** Whether the address is proven, by a provider that is trusted with that: users are found by no other. */
  readonly isProven: boolean
  readonly name: string | null
  readonly avatarUrl: string | null
  /** The organisation's domain, where Google vouches for one (`hd`). */
  readonly domain: string | null
}

/** What a sign-in under way at a provider knows; each is random, of 256 bits. */
export interface Attempt {
  readonly state: string
  /** RFC 7636. */
  readonly verifier: string
  /** OpenID Connect Core 1.0, section 3.1.2.1. */
  readonly nonce: string
}

/** Somebody else's sign-in. */
export interface Provider {
  /** As paths have it. */
  readonly id: string
  /** As people know it. */
  readonly name: string
  /** Where the browser asks. @throws Problem `upstream_…` */
  start(attempt: Attempt): Promise<URL>
  /**
   * Who came back, by the query that the browser brought; its state was found to be the attempt's.
   * @throws Problem `access_denied`, `email_unverified`, `sign_in_failed` or `upstream_…`
   */
  finish(query: URLSearchParams, attempt: Attempt): Promise<Identity>
}

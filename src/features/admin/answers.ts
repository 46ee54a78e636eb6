const NO_STORE = { 'cache-control': 'no-store' }

/** An answer in JSON that nobody keeps. */
export const told = (shown: object | null) => Response.json(shown, { headers: NO_STORE })

/** The answer that something is done. */
export const done = () => new Response(null, { status: 204, headers: NO_STORE })

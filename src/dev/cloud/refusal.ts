import { json } from '../answers.ts'

/** What an error says beside its message, in OpenAI's words. */
interface Details {
  type?: string
  param?: string
  code?: string
}

/** Ends a request with OpenAI's error object. */
export class Refusal extends Error {
  readonly #status: number
  readonly #details: Details

  constructor(status: number, message: string, details: Details = {}) {
    super(message)
    this.#status = status
    this.#details = details
  }

  answer(): Response {
    const { type = 'invalid_request_error', param = null, code = null } = this.#details
    return json({ error: { message: this.message, type, param, code } }, { status: this.#status })
  }
}

/** A 400 about one parameter. */
export function bad(param: string, message: string): Refusal {
  return new Refusal(400, message, { param })
}

/** A 404, as cloud-api types it. */
export function missing(message: string): Refusal {
  return new Refusal(404, message, { type: 'not_found_error' })
}

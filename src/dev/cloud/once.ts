import { json } from '../answers.ts'
import type { Call, Serve } from './call.ts'
import type { Manner, State } from './state.ts'

/** What is asked again under the same `Idempotency-Key`, whatever it says, is answered as it was and not made again. */
export function once({ made }: Pick<State, 'made'>, { isForgetful }: Pick<Manner, 'isForgetful'>) {
  return (serve: (call: Call) => object | Promise<object>): Serve =>
    async call => {
      const key = isForgetful ? null : call.heard.headers.get('idempotency-key')
      const body = (key !== null && made.get(key)) || (await serve(call))
      if (key !== null) made.set(key, body)
      return json(body, { status: 201 })
    }
}

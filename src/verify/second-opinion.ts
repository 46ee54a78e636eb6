import wasm from '@phala/dcap-qvl-web/dcap-qvl-web_bg.wasm' with { type: 'file' }
import type { Collateral } from '../tee/collateral.ts'
import { type Check, check, sure, Untold } from './check.ts'

/** What a verifier of somebody else's says of a quote: a status of Intel's, or why it refuses it. */
export type SecondOpinion = (quote: Uint8Array, collateral: Collateral, at: number) => Opinion

interface Opinion {
  readonly status?: string
  readonly refusal?: string
}

/** `@phala/dcap-qvl-web`: Rust in WebAssembly. It knows Intel's root alone. Loaded only where it is asked. */
export async function secondOpinion(): Promise<SecondOpinion> {
  const { initSync, js_verify: verify } = await import('@phala/dcap-qvl-web')
  initSync({ module: await Bun.file(wasm).bytes() })
  return (quote, collateral, at) => {
    try {
      return { status: verify(quote, collateral, BigInt(Math.floor(at / 1000))).status }
    } catch (error) {
      return { refusal: typeof error === 'string' ? error : 'it stopped at a fault of its own' }
    }
  }
}

/** Whether another verifier comes to the same verdict: one that differs is wrong, whichever of the two is right. */
export function opinionCheck(opinion: (() => Opinion) | undefined, passed: boolean): Check {
  return check('second opinion', () => {
    if (!opinion) throw new Untold('the second verifier needs what Intel publishes, too')
    const { status, refusal } = opinion()
    // Version 0.3.3 does not know all that quotes of version 5 may hold.
    if (refusal === 'Failed to decode quote') throw new Untold('the second verifier cannot read this kind of quote')
    const verdict = status ?? `refused: ${refusal}`
    sure((status === 'UpToDate') === passed, `the second verifier disagrees: ${verdict}`)
    return `the second verifier agrees: ${verdict}`
  })
}

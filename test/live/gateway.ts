import { rmSync } from 'node:fs'
import { devIssuer } from '../../src/dev/issuer.ts'
import { executable, start } from '../kit/binary.ts'
import { freshDirectory } from '../kit/directory.ts'

const ISSUER = 'https://issuer.example'
const AUDIENCE = 'sealgate-live'

/** The name of a story, which says so where it is skipped for want of something. */
export const named = (story: string, has: unknown, want = 'no key') => (has ? story : `${story} [${want}]`)

/** The executable as an operator starts it, in front of these backends; tokens come from a sign-in service of its own. */
export async function liveGateway(backends: Readonly<Record<string, string>>) {
  const cwd = freshDirectory()
  const issuer = await devIssuer()
  const env = {
    JWKS_URL: issuer.jwksUrl,
    ISSUER,
    AUDIENCES: AUDIENCE,
    HOST: '127.0.0.1',
    PORT: '0',
    METRICS_ADDR: 'off',
  }
  const running = start(await executable(), { cwd, env: { ...env, TEE: 'none', RATE_LIMIT_RPM: '0', ...backends } })
  const [, port] = await running.says(/listening port=(\d+)/)
  await running.says(/keys_loaded/)
  const token = await issuer.token({ issuer: ISSUER, audience: AUDIENCE, subject: 'ada', scope: 'inference' })
  const url = `http://127.0.0.1:${port}`
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  return {
    url,
    token,
    headers,
    ask: (path: string) => fetch(`${url}/v1${path}`, { headers }),
    stop: async () => {
      running.signal('SIGTERM')
      await running.exited
      await issuer.stop()
      rmSync(cwd, { recursive: true })
    },
  }
}

/** A gateway that {@link liveGateway} started. */
export type LiveGateway = Awaited<ReturnType<typeof liveGateway>>

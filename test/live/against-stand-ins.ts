import { standIns } from '../../src/dev/stand-ins.ts'
import { agentOnSocket } from '../kit/agent.ts'

// The live tests, pointed at what plays the world: it shows that they run, and nothing of the world.
const [{ settings, stop }, agent] = [await standIns(), agentOnSocket()]
const env = {
  PATH: process.env['PATH'],
  TINFOIL_API_KEY: settings.TINFOIL_API_KEY.reveal(),
  LIVE_TINFOIL_URL: settings.TINFOIL_BASE_URL,
  LIVE_TINFOIL_ATC_URL: settings.TINFOIL_ATC_URL,
  OPENAI_BASE_URL: settings.OPENAI_BASE_URL,
  OPENAI_API_KEY: settings.OPENAI_API_KEY.reveal(),
  LIVE_DSTACK_SOCKET: agent.path,
}
const child = Bun.spawn([process.execPath, 'run', 'test:live'], { env, stdio: ['ignore', 'inherit', 'inherit'] })
const code = await child.exited
await Promise.all([stop(), agent.stop()])
process.exit(code)

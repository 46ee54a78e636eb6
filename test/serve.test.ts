import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { serve } from '../src/serve.ts'
import { TeeFault } from '../src/tee/find.ts'
import { agentOnSocket, socketPath } from './kit/agent.ts'
import { dev, needed, read } from './kit/config.ts'
import { freshDirectory } from './kit/directory.ts'

const HERE = { HOST: '127.0.0.1', PORT: '0', JWKS_URL: 'http://127.0.0.1:1/keys' }

test('dev mode does not start where a guest agent answers, and leaves nothing behind', async () => {
  const { path, stop } = agentOnSocket()
  const database = join(freshDirectory(), 'x.db')
  const { config } = dev({ ...HERE, DATABASE_URL: `sqlite:${database}` })
  const said: string[] = []
  const running = serve(config, { write: text => said.push(text), onSignal: () => undefined, sockets: [path] })
  expect(await running.catch(error => error)).toBeInstanceOf(TeeFault)
  expect([said, existsSync(database)]).toEqual([[], false])
  await stop()
})

test('without a TEE it serves, and warns once', async () => {
  const listening = Promise.withResolvers<void>()
  const { config } = read({ ...needed, ...HERE, DATABASE_URL: 'sqlite::memory:' })
  let said = ''
  let end: () => void = () => undefined
  const running = serve(config, {
    write: text => {
      said += text
      if (text.includes('listening')) listening.resolve()
    },
    onSignal: listener => {
      end = listener
    },
    sockets: [socketPath()],
  })
  await Promise.race([listening.promise, running])
  end()
  await running
  expect(said.match(/WARN +no_tee/gi)).toHaveLength(1)
})

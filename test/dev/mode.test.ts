import { afterEach, expect, test } from 'bun:test'
import { type DevMode, devMode } from '../../src/dev/mode.ts'
import { dev } from '../kit/config.ts'

let mode: DevMode | undefined
afterEach(() => mode?.stop())

const started = async (env: Record<string, string>) => {
  mode = await devMode(dev(env).config)
  return { settings: mode.settings, said: await mode.banner('http://localhost:1') }
}

test('with no backend given, both are stand-ins, and the lines to paste speak of both', async () => {
  const { settings, said } = await started({})
  for (const place of [settings.TINFOIL_BASE_URL, settings.OPENAI_BASE_URL]) expect(said).toContain(`${place}, which`)
  expect(said).toContain('"model":"stand-in/small"')
  expect(said).toContain('\n\nPaste these, with that token')
  expect(said).toContain('curl -s -w \'\\n\' http://localhost:1/v1/conversations -H "Authorization: Bearer $TOKEN"\n')
})

test.each([
  [{ TINFOIL_API_KEY: 'tk' }, 'is https://inference.tinfoil.sh, with your key', '"model":"gpt-oss-120b"', false],
  [
    { OPENAI_BASE_URL: 'https://cloud.example/v1', OPENAI_API_KEY: 'sk' },
    ...(['is https://cloud.example/v1, with your key', '"model":"openai/gpt-oss-120b"', true] as const),
  ],
  [
    { TINFOIL_API_KEY: 'tk', OPENAI_BASE_URL: 'https://cloud.example/v1', OPENAI_API_KEY: 'sk' },
    'are https://inference.tinfoil.sh and https://cloud.example/v1, with your keys',
    ...(['"model":"openai/gpt-oss-120b"', true] as const),
  ],
])('with a real one given no stand-in gets what is meant for it: %j', async (env, place, model, keeps) => {
  const { settings, said } = await started(env as Record<string, string>)
  expect(Object.keys(settings).filter(name => /TINFOIL|OPENAI/.test(name))).toEqual([])
  expect(said).toContain(`DEV MODE. Behind it ${place}.\n`)
  expect([said.includes(model), said.includes('/v1/conversations')]).toEqual([true, keeps])
})

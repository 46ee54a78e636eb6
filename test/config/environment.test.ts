import { expect, test } from 'bun:test'
import { takenFrom } from '../../src/config/environment.ts'
import { fileOf, rows } from '../../src/settings.ts'

test('every setting is taken out of the environment, under each of its names, and what is no setting stays', () => {
  const names = rows.flatMap(([key, { secret, older }]) => [key, ...(secret ? [fileOf(key)] : []), older ?? key])
  expect(names).toContainValues(['TINFOIL_API_KEY', 'DATA_KEY_FILE', 'DEV', 'DATABASE_URL'])
  const all = { ...Object.fromEntries(names.map(name => [name, 'given'])), PATH: '/bin' }
  const env: Record<string, string | undefined> = { ...all }
  expect(takenFrom(env)).toEqual(all)
  expect(env).toEqual({ PATH: '/bin' })
})

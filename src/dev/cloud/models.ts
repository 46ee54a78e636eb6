import { json } from '../answers.ts'
import type { Routes } from './call.ts'
import { missing } from './refusal.ts'

/** Named as NEAR AI names its own, with a slash. */
export const MODELS: readonly string[] = ['stand-in/small', 'stand-in/large']

/** Models as OpenAI lists them, and as NEAR AI does. */
export function models(): Routes {
  return {
    'GET models': () => json({ object: 'list', data: MODELS.map(listed) }),
    'GET model/list': () => json({ models: MODELS.map(described) }),
    // The rest of the path: an id holds slashes.
    'GET model/{id…}': ({ params: { id = '' } }) => {
      if (!MODELS.includes(id)) throw missing(`Model '${id}' not found`)
      return json(described(id))
    },
  }
}

function listed(id: string) {
  return { id, object: 'model', created: 0, owned_by: 'stand-in' }
}

function described(modelId: string) {
  const cost = (amount: number) => ({ amount, scale: 9, currency: 'USD' })
  return {
    modelId,
    inputCostPerToken: cost(150),
    outputCostPerToken: cost(600),
    metadata: {
      verifiable: false,
      contextLength: 131_072,
      modelDisplayName: modelId,
      modelDescription: 'No model: the text says so.',
      ownedBy: 'stand-in',
    },
  }
}

import OpenAI from 'openai'
import type { Heard } from '../../src/dev/cloud/call.ts'
import { type CloudOptions, type StandInCloud, standInCloud } from '../../src/dev/cloud/server.ts'
import { CLOUD_KEY } from './gateway.ts'

/** One of their models. */
export const CLOUD_MODEL = 'stand-in/small'

/** What any of their models answers to `Hello there`. */
export const CLOUD_TEXT = 'Stand-in backend, no model behind it. You said: Hello there'

/** A stand-in cloud, and ways to ask it. */
export interface CloudKit {
  readonly cloud: StandInCloud
  readonly client: OpenAI
  /** Every request so far. */
  readonly heard: readonly Heard[]
  /** Asks for a method and a path below `/v1/`; whatever is no string is sent as JSON. */
  ask(line: string, body?: unknown, authorization?: string): Promise<Response>
}

/** Starts stand-in clouds and stops them all. */
export function clouds() {
  const running: StandInCloud[] = []
  return {
    start: async (options: CloudOptions = {}): Promise<CloudKit> => {
      const heard: Heard[] = []
      const entered = (request: Heard) => heard.push(request)
      const cloud = await standInCloud({ key: CLOUD_KEY, pace: 0, entered, ...options })
      running.push(cloud)
      return {
        cloud,
        client: new OpenAI({ apiKey: CLOUD_KEY, baseURL: cloud.url, maxRetries: 0 }),
        heard,
        ask: (line, body, authorization = `Bearer ${CLOUD_KEY}`) => {
          const [method = '', path] = line.split(' ')
          const text = typeof body === 'object' ? JSON.stringify(body) : body
          return fetch(`${cloud.url}/${path}`, { method, headers: { authorization }, body: (text as string) ?? null })
        },
      }
    },
    clear: async () => {
      await Promise.all(running.splice(0).map(cloud => cloud.stop()))
    },
  }
}

/** OpenAI's error object. */
export function refusal(message: string, more: { type?: string; code?: string } = {}) {
  return { error: { message, type: 'invalid_request_error', param: null, code: null, ...more } }
}

// A chat with the OpenAI SDK: only the base URL changes, and a user's token stands in place of a key.
//   SEALGATE_URL=http://127.0.0.1:5381 TOKEN=… bun examples/chat.ts
import OpenAI from 'openai'

const { SEALGATE_URL = 'http://127.0.0.1:5381', TOKEN = '' } = process.env

const openai = new OpenAI({ baseURL: `${SEALGATE_URL}/v1`, apiKey: TOKEN })
const stream = await openai.chat.completions.create({
  model: 'gpt-oss-120b',
  messages: [{ role: 'user', content: 'Say hello.' }],
  stream: true,
})
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? '')
process.stdout.write('\n')

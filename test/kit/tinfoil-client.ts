import { SecureClient, TinfoilAI, UnverifiedClient, Verifier } from 'tinfoil'
import type { Job, Order } from './tinfoil.ts'

/** A process of its own that holds one client of npm `tinfoil` and does with it what its standard input says. */
const { kind, options, verifier }: Job = JSON.parse(process.argv[2] ?? '')

// For tests only: takes a bundle's key on trust, and a simulated one's with it.
if (verifier === 'replaced')
  Verifier.prototype.verifyBundle = async ({ enclaveAttestationReport: { format, body } }) => ({
    measurement: { type: format, registers: [] },
    hpkePublicKey: Buffer.from(body, 'base64').toString('hex'),
  })

const ai = new TinfoilAI(kind === 'ai' ? options : { apiKey: 'unused' })
const client = kind === 'unverified' ? new UnverifiedClient(options) : new SecureClient(options)

async function done([act, ...words]: Order): Promise<unknown> {
  switch (act) {
    case 'ready':
      return client.ready()
    case 'fetch': {
      const [path, init] = words as [string, RequestInit]
      const answer = await client.fetch(path, init)
      const body = answer.headers.get('x-sealgate-body')
      return { status: answer.status, sealgateBody: body, text: await answer.text() }
    }
    case 'chat': {
      const completion = await ai.chat.completions.create({ model: 'any', messages: asked(words[0]) })
      return completion.choices[0]?.message.content
    }
    case 'stream': {
      const pieces: string[] = []
      const stream = await ai.chat.completions.create({ model: 'any', messages: asked(words[0]), stream: true })
      for await (const { choices } of stream) pieces.push(choices[0]?.delta.content ?? '')
      return pieces
    }
    case 'models': {
      const { data } = await ai.models.list()
      return data.map(({ id }) => id)
    }
  }
}

function asked(content: unknown) {
  return [{ role: 'user' as const, content: String(content) }]
}

for await (const line of console) {
  const outcome = await done(JSON.parse(line)).then(
    value => ({ value }),
    error => ({ error: { kind: error.constructor.name, message: error.message, status: error.status } }),
  )
  console.log(JSON.stringify(outcome))
}

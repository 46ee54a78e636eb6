// A sealed streaming chat from a page on another origin than the gateway's.
//   CORS_ALLOWED_ORIGINS=http://localhost:3000 bun run dev
//   bun examples/browser.html
import { type Message, sealedChat } from './chat.ts'
import { element } from './element.ts'
import { Refusal } from './failures.ts'

const form = element('form', HTMLFormElement)
const gateway = element('gateway', HTMLInputElement)
const token = element('token', HTMLInputElement)
const model = element('model', HTMLInputElement)
const prompt = element('prompt', HTMLTextAreaElement)
const send = element('send', HTMLButtonElement)
const stop = element('stop', HTMLButtonElement)
const log = element('log', HTMLElement)
const alert = element('alert', HTMLElement)

const messages: Message[] = []
let running: AbortController | undefined

form.addEventListener('submit', event => {
  event.preventDefault()
  if (!running) void ask()
})
prompt.addEventListener('keydown', event => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
  event.preventDefault()
  form.requestSubmit()
})
stop.addEventListener('click', () => running?.abort())

async function ask(): Promise<void> {
  alert.replaceChildren()
  const origin = missing()
  if (origin === undefined) return
  const question: Message = { role: 'user', content: prompt.value.trim() }
  const asked = say(question)
  const answered = say({ role: 'assistant', content: '' })
  prompt.value = ''
  running = new AbortController()
  const { signal } = running
  busy(true)
  let content = ''
  try {
    const chat = { gateway: origin, token: token.value.trim(), model: model.value.trim(), signal, onHeaders: tell }
    for await (const text of sealedChat({ ...chat, messages: [...messages, question] })) {
      content += text
      answered.append(text)
      log.scrollTop = log.scrollHeight
    }
  } catch (error) {
    if (!signal.aborted) complain(error)
  } finally {
    running = undefined
    busy(false)
  }
  if (content !== '') return void messages.push(question, { role: 'assistant', content })
  // Nothing came: the question goes back to where it can be sent again.
  asked.remove()
  answered.remove()
  if (prompt.value === '') prompt.value = question.content
}

/** The gateway's origin if nothing is missing; otherwise says what is, and goes there. */
function missing(): string | undefined {
  const url = URL.parse(gateway.value.trim())
  if (!url?.protocol.startsWith('http'))
    return point(gateway, 'The gateway has to be an address like https://gateway.example.')
  if (!token.value.trim())
    return point(token, 'There is no token yet. In dev mode the gateway prints one: paste it here.')
  if (!model.value.trim()) return point(model, 'Name a model.')
  if (!prompt.value.trim()) return point(prompt, 'Write something first.')
  return url.origin
}

function point(field: HTMLElement, words: string): undefined {
  complain(new Refusal(words, undefined))
  field.focus()
}

function say({ role, content }: Message): HTMLElement {
  document.getElementById('empty')?.remove()
  const who = Object.assign(document.createElement('span'), { className: 'who' })
  who.textContent = role === 'user' ? 'You' : 'Enclave'
  const said = Object.assign(document.createElement('p'), { className: `said ${role}` })
  said.append(who, content)
  log.append(said)
  log.scrollTop = log.scrollHeight
  return said
}

function tell(headers: Headers): void {
  const body = element('body', HTMLElement)
  const sealed = headers.get('x-sealgate-body')
  body.textContent = sealed ?? '–'
  body.className = sealed ?? ''
  element('remaining', HTMLElement).textContent = headers.get('x-ratelimit-remaining-requests') ?? 'no limit told'
  element('request-id', HTMLElement).textContent = headers.get('x-request-id') ?? '–'
}

function complain(error: unknown): void {
  const words = document.createElement('p')
  words.textContent = error instanceof Error ? error.message : String(error)
  alert.replaceChildren(words)
  if (!(error instanceof Refusal) || error.retryMs === undefined) return
  const when = new Date(Date.now() + error.retryMs)
  const time = Object.assign(document.createElement('time'), { dateTime: when.toISOString() })
  time.textContent = when.toLocaleTimeString()
  const again = document.createElement('p')
  again.append('Send it again from ', time, ' on.')
  alert.append(again)
}

function busy(on: boolean): void {
  log.setAttribute('aria-busy', String(on))
  send.hidden = on
  stop.hidden = !on
  prompt.focus()
}

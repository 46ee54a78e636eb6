// Signing in from a page on another origin than the gateway's. How the gateway is started for it, README.md tells.
//   bun examples/sign-in.html
import { element } from './element.ts'
import { ask, comeBack, leaveFor, providersOf, type Session } from './sign-in.ts'

interface Me {
  readonly user: { readonly id: string; readonly email: string | null; readonly name: string | null }
  readonly linked_accounts: readonly { readonly provider: string }[]
}

const gateway = element('gateway', HTMLInputElement)
const ways = element('ways', HTMLElement)
const alert = element('alert', HTMLElement)
const who = element('who', HTMLElement)
const signOut = element('sign-out', HTMLButtonElement)

// In this page's memory alone: a reload forgets it.
let session: Session | undefined

element('signed-out', HTMLFormElement).addEventListener('submit', event => event.preventDefault())
gateway.addEventListener('change', () => void orComplain(offer))
signOut.addEventListener('click', () => void orComplain(leave))
gateway.value = sessionStorage.getItem('gateway') ?? gateway.value
void orComplain(open)

async function open(): Promise<void> {
  session = await comeBack(gatewayUrl()).catch(async (error: unknown) => {
    await offer().catch(() => undefined)
    throw error
  })
  await (session ? welcome(session) : offer())
}

/** A button for each provider. */
async function offer(): Promise<void> {
  ways.replaceChildren()
  const origin = gatewayUrl()
  sessionStorage.setItem('gateway', origin)
  for (const provider of await providersOf(origin)) {
    const button = Object.assign(document.createElement('button'), { type: 'button' })
    button.textContent = `Sign in with ${provider.name}`
    button.addEventListener('click', () => void orComplain(() => leaveFor(provider)))
    ways.append(button)
  }
  if (!ways.hasChildNodes()) throw new Error(`Nobody signs in at ${origin}: its operator has set no provider.`)
}

async function welcome({ token, is_new_user, expires_at }: Session): Promise<void> {
  const headers = { authorization: `Bearer ${token}` }
  const { user, linked_accounts }: Me = await (await ask(`${gatewayUrl()}/v1/users/me`, { headers })).json()
  who.textContent = `${is_new_user ? 'Welcome' : 'Welcome back'}, ${user.name ?? user.email ?? user.id}.`
  element('email', HTMLElement).textContent = user.email ?? '–'
  element('accounts', HTMLElement).textContent = linked_accounts.map(({ provider }) => provider).join(', ')
  element('until', HTMLElement).textContent = new Date(expires_at).toLocaleString()
  show(true)
}

async function leave(): Promise<void> {
  const headers = { authorization: `Bearer ${session?.token}` }
  await ask(`${gatewayUrl()}/v1/auth/logout`, { method: 'POST', headers, body: '{}' })
  session = undefined
  show(false)
  await offer()
}

function show(isSignedIn: boolean): void {
  element('signed-in', HTMLElement).hidden = !isSignedIn
  element('signed-out', HTMLElement).hidden = isSignedIn
}

function gatewayUrl(): string {
  return gateway.value.trim().replace(/\/+$/, '')
}

async function orComplain(act: () => Promise<void>): Promise<void> {
  alert.replaceChildren()
  try {
    await act()
  } catch (error) {
    const words = document.createElement('p')
    words.textContent = error instanceof Error ? error.message : String(error)
    alert.replaceChildren(words)
  }
}

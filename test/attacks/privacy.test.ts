import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { challengeOf } from '../../src/protocol/pkce.ts'
import { type Account, account, by } from '../kit/account.ts'
import { engines } from '../kit/engines.ts'
import { CLOUD_KEY, type Kit, startGateway, UPSTREAM_KEY } from '../kit/gateway.ts'
import { fileForm, type Owning, owning } from '../kit/owning.ts'
import { type RawUpstream, rawUpstream } from '../kit/raw.ts'
import { APP, standInProvider, visitor } from '../kit/sign-in.ts'
import { answerBytes } from '../kit/stage.ts'

/** What nobody may find again but whom it is for, by the channel that it comes through. */
const marks: Record<string, string> = {}
const mark = (channel: string) => (marks[channel] ??= `zq${randomBytes(12).toString('hex')}qz`)
const noted = (channel: string, secret: string) => (marks[channel] = secret)

/** A text as it may stand somewhere in other letters. */
function spellings(text: string): string[] {
  const shifted = [0, 1, 2].map(by => {
    const inner = Buffer.from('\0'.repeat(by) + text).toString('base64')
    return inner.slice(by === 0 ? 0 : 4, -4)
  })
  return [text, text.toUpperCase(), Buffer.from(text).toString('hex'), encodeURIComponent(text), ...shifted]
}

/** The channels whose marks stand in what was kept or said. */
function channelsIn(kept: string | Buffer): string[] {
  const bytes = typeof kept === 'string' ? Buffer.from(kept) : kept
  return Object.keys(marks).filter(name => spellings(marks[name] ?? '').some(text => bytes.includes(text)))
}

describe.each(engines)('on $name', ({ fresh, kept }) => {
  const [google, admins] = [standInProvider(), { emails: ['root@example.com'] }]
  let [url, at] = ['', undefined as unknown as Owning]
  let [broken, failing]: [RawUpstream, Kit] = [] as never
  let [root, ada, eve]: Account[] = [] as never

  beforeAll(async () => {
    for (const channel of Object.keys(marks)) delete marks[channel]
    url = await fresh()
    const signIn = () => ({ frontendUrl: APP, callbackOrigins: [APP], providers: [google] })
    const shared = { admins, mockLogin: true, isMeasured: true, signIn, proxies: ['127.0.0.0/8'], rpm: 10_000 }
    at = await owning(url, { ...shared, passthrough: ['POST /v1/rerank'] })
    broken = await rawUpstream(async wire => {
      for (;;) {
        await wire.message()
        const [name, said] = [mark('upstream-header'), mark('upstream-error')]
        await wire.send(answerBytes(`500 ${mark('upstream-reason')}`, { [`X-${name}`]: name }, `{"error":"${said}"}`))
      }
    })
    failing = await startGateway({ upstream: broken.url, cloud: broken.url, database: url, ...shared })
    ;[root, ada, eve] = [
      await account(at.kit, 'root@example.com'),
      await signedIn(),
      await account(at.kit, 'eve@example.com'),
    ]
    await converse()
    await keepThings()
    await missAndFail()
    await at.kit.ledger.flush()
    await failing.ledger.flush()
  })
  afterAll(() => Promise.all([at.stop(), failing.stop(), broken.stop()]))

  const headers = (more: Record<string, string> = {}) => ({
    ...ada?.headers,
    'user-agent': mark('user-agent'),
    cookie: `${mark('cookie')}=${mark('cookie')}`,
    'x-request-id': `${mark('request-id')} `.repeat(9),
    'x-forwarded-for': `203.0.113.7, ${mark('forwarded-for')}`,
    referer: `https://${mark('referer')}.example`,
    traceparent: `00-${mark('traceparent')}-00f067aa0ba902b7-01`,
    [`x-${mark('header')}`]: mark('header'),
    ...more,
  })
  const ask = (kit: Kit, method: string, path: string, body?: unknown, more?: Record<string, string>) =>
    fetch(`${kit.url}/v1${path}`, {
      method,
      headers: headers(more),
      body: body === undefined ? null : body instanceof FormData ? body : JSON.stringify(body),
    })
  const done = async (answer: Promise<Response>) => {
    const { status } = await answer.then(async it => {
      await it.bytes()
      return it
    })
    expect(status).toBeLessThan(300)
  }

  /** Signs in by a provider; whoever comes back brings an address and a name. */
  async function signedIn(): Promise<Account> {
    const page = visitor(at.kit)
    noted('verifier', page.verifier)
    const state = noted('state', await page.begin())
    const code = await page.back({ state, code: mark('person') })
    const told = new URL(code.headers.get('location') ?? '').searchParams.get('code') ?? ''
    const { token, session_id } = (await (await page.redeem(noted('frontend-code', told))).json()) as {
      token: string
      session_id: string
    }
    noted('session', token.replace('sess_', ''))
    const attempt = google.attempts.at(-1)
    noted('provider-verifier', attempt?.verifier ?? '')
    noted('nonce', attempt?.nonce ?? '')
    noted('challenge', challengeOf(page.verifier))
    const denied = await page.begin()
    await page.back({ state: denied, code: mark('denied-code'), error: 'access_denied', said: mark('provider-error') })
    await page.back({ state: mark('wrong-state'), code: mark('wrong-code') })
    const authorization = `Bearer ${token}`
    const me = await by(at.kit, authorization).told<{ user: { id: string } }>('GET', '/users/me')
    return { user: me.user.id, session: session_id, ...by(at.kit, authorization) }
  }

  /** Talks, in every way that says something. */
  async function converse(): Promise<void> {
    const call = { id: 'c1', type: 'function', function: { name: mark('tool'), arguments: mark('tool-arguments') } }
    const messages = [
      { role: 'system', content: mark('system-prompt') },
      { role: 'user', content: mark('prompt') },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'c1', content: mark('tool-result') },
      { role: 'user', content: mark('last-prompt') },
    ]
    const model = 'stand-in/small'
    await done(ask(at.kit, 'POST', `/chat/completions?x=${mark('query')}`, { model, messages, user: mark('user') }))
    await done(ask(at.kit, 'POST', '/chat/completions', { model, messages, stream: true }))
    const made = await ask(at.kit, 'POST', '/conversations', { metadata: { title: mark('title') } })
    const { id } = (await made.json()) as { id: string }
    const items = [{ type: 'message', role: 'user', content: mark('item') }]
    await done(ask(at.kit, 'POST', `/conversations/${id}/items`, { items }))
    const input = mark('input')
    const response = { model, input, instructions: mark('instructions'), metadata: { x: mark('metadata') } }
    await done(ask(at.kit, 'POST', '/responses', { ...response, conversation: id }))
    await done(ask(at.kit, 'POST', '/responses', { ...response, stream: true }))
    await done(ask(at.kit, 'POST', '/files', fileForm(mark('file-name'), 'user_data')))
    const form = new FormData()
    form.set('purpose', 'user_data')
    form.set('file', new File([mark('file-content')], 'x'))
    await done(ask(at.kit, 'POST', '/files', form))
    await ask(at.kit, 'POST', '/chat/completions', { model: mark('model'), messages }).then(it => it.bytes())
  }

  /** Keeps what a user and an operator may keep here. */
  async function keepThings(): Promise<void> {
    const made = await ada?.told<{ key: string }>('POST', '/users/me/keys', { name: mark('key-name') })
    noted('key', made?.key.replace('sk-sg-', '') ?? '')
    const settings = { notification: true, system_prompt: mark('own-prompt'), web_search: true, appearance: 'Dark' }
    await done(ask(at.kit, 'PATCH', '/users/me/settings', settings))
    const models = await root?.ask('PATCH', '/admin/models', {
      'stand-in/small': { system_prompt: mark('operator-prompt') },
    })
    expect(models?.status).toBe(200)
    await done(ask(at.kit, 'POST', '/chat/completions', { model: 'stand-in/small', messages: [] }))
    const { authorization } = await at.kit.bearer(mark('subject'))
    noted('jwt', authorization.slice(-40))
    await done(fetch(`${at.kit.url}/v1/models`, { headers: headers({ authorization }) }))
    noted('cloud-key', CLOUD_KEY)
    noted('upstream-key', UPSTREAM_KEY)
  }

  /** Asks for what is not there, is not theirs, is no request, or fails behind. */
  async function missAndFail(): Promise<void> {
    const body = { model: 'stand-in/small', messages: [{ role: 'user', content: mark('failed-prompt') }] }
    for (const [method, path, what] of [
      ['GET', `/conversations/${mark('path')}`, undefined],
      ['GET', `/files/${mark('path')}/content`, undefined],
      ['GET', `/${mark('path')}`, undefined],
      ['POST', '/responses', { model: 'stand-in/small', input: 'x', previous_response_id: mark('reference') }],
      ['POST', '/rerank', { file_id: mark('reference') }],
      ['GET', `/receipts/${mark('path')}`, undefined],
      ['GET', `/conversations?after=${mark('query')}`, undefined],
    ] as const)
      await ask(at.kit, method, path, what).then(it => it.bytes())
    for (const path of ['/chat/completions', '/conversations', '/responses', '/files', '/models'])
      await ask(failing, path === '/models' ? 'GET' : 'POST', path, path === '/models' ? undefined : body).then(it =>
        it.bytes(),
      )
    const sealed = { 'ehbp-encapsulated-key': '00'.repeat(32) }
    await ask(failing, 'POST', '/chat/completions', body, sealed).then(it => it.bytes())
    for (const token of [`sess_${mark('bad-token')}`, mark('bad-token'), `sk-sg-${mark('bad-token')}`])
      await ask(at.kit, 'GET', '/models', undefined, { authorization: `Bearer ${token}` }).then(it => it.bytes())
    await fetch(`${at.kit.url}/v1/responses`, { method: 'POST', headers: headers(), body: `{"${mark('broken-json')}` })
  }

  test('each was said, and what is for the backend came there', () => {
    expect(Object.keys(marks).length).toBeGreaterThanOrEqual(25)
    const heard = at.heard.map(({ path, query, body }) => `${path}?${query}\n${body}`).join('\n')
    const carried = [
      ...['prompt', 'system-prompt', 'tool-arguments', 'title', 'item', 'input', 'instructions', 'file-name'],
      ...['file-content', 'metadata', 'operator-prompt', 'query'],
    ]
    expect(channelsIn(heard)).toEqual(expect.arrayContaining(carried))
  })

  test('each is found in whatever letters it stands', () => {
    for (const before of ['', 'x', 'xy'])
      for (const encoding of ['utf8', 'hex', 'base64', 'base64url'] as const)
        expect(channelsIn(Buffer.from(`${before}${mark('prompt')} and so on`).toString(encoding))).toEqual(['prompt'])
  })

  test('none is in the log, which tells of each request', () => {
    const lines = [...at.kit.lines, ...failing.lines]
    expect(lines.length).toBeGreaterThan(40)
    expect(lines.join('\n')).toContain('upstream_')
    expect(channelsIn(lines.join('\n'))).toEqual([])
  })

  test('none is in the metrics', async () => {
    const text = `${await at.kit.metrics()}${await failing.metrics()}`
    expect(text).toContain('http_route="/v1/conversations"')
    expect(channelsIn(text)).toEqual([])
  })

  test('none is in an answer to somebody else', async () => {
    const paths = [
      ...['/conversations', '/files', '/users/me', '/users/me/keys', '/users/me/sessions', '/users/me/settings'],
      ...['/users/me/export', '/usage', '/models', `/conversations/x`, '/auth/providers'],
    ]
    for (const path of paths) {
      const answer = await eve?.ask('GET', path)
      expect([path, answer?.status === 200 || answer?.status === 404]).toEqual([path, true])
      expect([path, channelsIn((await answer?.text()) ?? '')]).toEqual([path, []])
    }
  })

  test('none is in the list of changes, nor in what a user did', async () => {
    const [audit, activity] = ['/admin/audit', `/admin/users/${ada?.user}/activity`]
    for (const [path, said] of [
      [audit, 'models.change'],
      [activity, 'file_upload'],
    ] as const) {
      const text = (await (await root?.ask('GET', path))?.text()) ?? ''
      expect(text).toContain(said)
      expect([path, channelsIn(text)]).toEqual([path, []])
    }
  })

  test('none is in what the database keeps', async () => {
    const bytes = await kept(url)
    // What is in no secret is found there in this way.
    expect(bytes.includes(ada?.user ?? 'nobody')).toBe(true)
    // A model is billed by the name that the backend states; ours gives back whatever it was asked for.
    expect(channelsIn(bytes)).toEqual(['model'])
  })
})

import { createHash } from 'node:crypto'

const STYLE = `
:root { color-scheme: light dark; --ink: light-dark(#1d2430, #e7eaf0); --soft: light-dark(#566073, #9aa5b8);
  --paper: light-dark(#f6f7f9, #12151b); --card: light-dark(#fff, #1a1f28); --line: light-dark(#dfe3ea, #2b3240);
  --link: light-dark(#1f5fbf, #84b4ff); }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.6 system-ui, sans-serif; }
main { width: 100%; max-width: 36rem; padding: 2.25rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .75rem; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; letter-spacing: -.01em; }
h1 small { margin-left: .4rem; font-size: .9rem; font-weight: 400; letter-spacing: 0; color: var(--soft); }
p { margin: 1rem 0 0; }
ul { margin: 1.5rem 0 0; padding: 1.25rem 0 0; border-top: 1px solid var(--line); list-style: none; }
li { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; }
li + li { margin-top: .5rem; }
li span { color: var(--soft); }
a { color: var(--link); text-underline-offset: .2em; }
`

interface Told {
  readonly version: string
  /** Whether the documentation is served. */
  readonly docs: boolean
  /** Whether there is a report. */
  readonly isAttested: boolean
}

/** The page of a gateway without a front end: what it is, and where to go on. It runs no script and loads nothing. */
export function welcome({ version, docs, isAttested }: Told) {
  const links = [
    ...(docs ? [link('/docs', 'Documentation', 'every route, its answers and errors')] : []),
    ...(isAttested
      ? [link('/v1/attestation/report', 'Attestation report', 'who answers here, quoted by its TEE')]
      : []),
    link('/health', 'Health', 'whether the process lives'),
  ]
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>sealgate</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>sealgate <small>${version}</small></h1>
<p>A gateway to private inference: signed-in users in front, language models in trusted execution environments behind.
What is sealed passes through it unread.</p>
${isAttested ? '' : '<p>This one runs outside such an environment, and has no report that would attest it.</p>\n'}<ul>
${links.join('\n')}
</ul>
</main>
</body>
</html>
`
  const hash = createHash('sha256').update(STYLE).digest('base64')
  return {
    html,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      'cache-control': 'no-store',
    },
  }
}

const link = (path: string, name: string, what: string) => `<li><a href="${path}">${name}</a> <span>${what}</span></li>`

import { file } from 'bun'
import { Elysia } from 'elysia'
import style from 'swagger-ui-dist/swagger-ui.css' with { type: 'file' }
import script from 'swagger-ui-dist/swagger-ui-bundle.js' with { type: 'file' }
import { type DocumentedRoute, described, openapi, refuses } from '../protocol/openapi.ts'

// Not `@elysiajs/swagger`: its document comes with its page, which loads a CDN's scripts and cannot be turned off; and
// what it adds to `detail` it infers from body schemas, which routes whose bodies are opaque do not have.

interface Deps {
  version: string
  /** Every live route, these here too; asked at the first request, when all are there. */
  routes: () => readonly DocumentedRoute[]
}

const DOCUMENT_PATH = '/api-docs/openapi.json'

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>sealgate</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<main id="ui"></main>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`

// Without a validator of its own the page would show the document to validator.swagger.io.
const START = `SwaggerUIBundle({ url: '${DOCUMENT_PATH}', dom_id: '#ui', deepLinking: true, validatorUrl: null })
`

// Swagger UI sets its styles by script, and so needs no 'unsafe-inline'.
const HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
}

/** The documentation: a page that needs no other host, and the document of every live route behind it. */
export const docs = ({ version, routes }: Deps) => {
  let document: string | undefined
  const json = () => {
    document ??= JSON.stringify(openapi(routes(), version))
    return document
  }
  return new Elysia({ name: 'docs' })
    .get('/docs', () => served(PAGE, 'text/html'), {
      detail: described(() => said('The documentation, as a page.', 'text/html')),
    })
    .get('/api/docs', () => served(PAGE, 'text/html'), { detail: described(() => said('The same page.', 'text/html')) })
    .get('/docs/start.js', () => served(START, 'text/javascript'), {
      detail: described(() => said('What starts the page.', 'text/javascript')),
    })
    .get('/docs/swagger-ui-bundle.js', () => served(file(script), 'text/javascript'), {
      detail: described(() => said("The page's program.", 'text/javascript')),
    })
    .get('/docs/swagger-ui.css', () => served(file(style), 'text/css'), {
      detail: described(() => said("The page's look.", 'text/css')),
    })
    .get(DOCUMENT_PATH, () => served(json(), 'application/json'), {
      detail: described(() => said('This document: OpenAPI 3.0.', 'application/json', { type: 'object' })),
    })
}

function served(body: string | Blob, mediaType: string): Response {
  return new Response(body, { headers: { ...HEADERS, 'content-type': `${mediaType}; charset=utf-8` } })
}

function said(summary: string, mediaType: string, schema: object = { type: 'string' }) {
  return refuses([], {
    tags: ['documentation'],
    summary,
    responses: { 200: { description: 'It.', content: { [mediaType]: { schema } } } },
  })
}

import { Elysia } from 'elysia'
import { type access, callerOf } from '../../gate/access.ts'
import type { Belongings } from '../../gate/belongings.ts'
import type { limited } from '../../gate/limited.ts'
import type { receipted } from '../../gate/receipted.ts'
import type { Exchange } from '../../protocol/exchange.ts'
import { contentDetail, fileDetail, filesDetail, removalDetail, uploadDetail } from '../../protocol/files-docs.ts'
import { described } from '../../protocol/openapi.ts'
import { paramOf } from '../../protocol/params.ts'
import type { Reference } from '../../protocol/references-reading.ts'
import type { Fields } from '../../store/fields.ts'
import type { Store } from '../../store/store.ts'
import type { ForwardOpen } from '../../upstream/forward-open.ts'
import type { KeepFile } from '../../upstream/keep-file.ts'
import { pathOf } from '../../upstream/places.ts'
import type { Remove } from '../../upstream/removal.ts'
import { requireOpen } from '../../upstream/ways.ts'
import { listed, told } from './list.ts'
import { fileRows } from './rows.ts'
import { fileIn } from './told.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  receipted: ReturnType<typeof receipted>
  belongings: Belongings
  store: Store
  fields: Fields
  now: () => number
  keepFile: KeepFile
  /** To the backend that keeps them. */
  open: ForwardOpen
  remove: Remove
}

const GUARD = { access: 'inference', limited: 'caller', parse: 'none' } as const

/** Files that callers have at a backend, each for its owner alone; what they are called and what for is told from our rows. */
export const files = (deps: Deps) => {
  const { access, limited, receipted, belongings, now, keepFile, open, remove } = deps
  const rows = fileRows(deps)

  async function content(request: Request, exchange: Exchange): Promise<Response> {
    requireOpen(request)
    await belongings.check(callerOf(exchange), [theOne(exchange)])
    // Whatever is in it was a caller's choice, its media type too.
    exchange.headers['x-content-type-options'] = 'nosniff'
    return open(request, exchange, { body: 'none', path: `${pathOf(theOne(exchange))}/content` })
  }

  async function removed(exchange: Exchange): Promise<Response> {
    const file = theOne(exchange)
    await belongings.check(callerOf(exchange), [file])
    return remove(exchange, file, (owner, { id }) => rows.forget(owner, id))
  }

  return new Elysia({ name: 'files' })
    .use(access)
    .use(limited)
    .use(receipted)
    .post(
      '/v1/files',
      ({ request, exchange }) => {
        requireOpen(request)
        const owner = callerOf(exchange)
        return keepFile(request, exchange, (id, answer) => [rows.noted(owner, fileIn(id, answer, now()))])
      },
      { ...GUARD, receipted: true, detail: described(() => uploadDetail()) },
    )
    .get(
      '/v1/files',
      ({ request, exchange }) => {
        requireOpen(request)
        return listed(rows, callerOf(exchange), exchange.target.query)
      },
      { ...GUARD, detail: described(() => filesDetail()) },
    )
    .get(
      '/v1/files/:id',
      ({ request, exchange }) => {
        requireOpen(request)
        return told(rows, callerOf(exchange), theOne(exchange).id)
      },
      { ...GUARD, detail: described(() => fileDetail()) },
    )
    .get('/v1/files/:id/content', ({ request, exchange }) => content(request, exchange), {
      ...GUARD,
      receipted: true,
      detail: described(() => contentDetail()),
    })
    .delete(
      '/v1/files/:id',
      ({ request, exchange }) => {
        requireOpen(request)
        return removed(exchange)
      },
      { ...GUARD, receipted: true, detail: described(() => removalDetail()) },
    )
}

function theOne(exchange: Exchange): Reference {
  return { kind: 'file', id: paramOf(exchange, 'id') }
}

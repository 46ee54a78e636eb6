import { Elysia } from 'elysia'
import type { access } from '../../gate/access.ts'
import type { Belongings } from '../../gate/belongings.ts'
import type { limited } from '../../gate/limited.ts'
import type { Exchange } from '../../protocol/exchange.ts'
import { contentDetail, fileDetail, filesDetail, removalDetail, uploadDetail } from '../../protocol/files-docs.ts'
import { paramOf } from '../../protocol/params.ts'
import type { Reference } from '../../protocol/references-reading.ts'
import type { Fields } from '../../store/fields.ts'
import type { Store } from '../../store/store.ts'
import type { Backend } from '../../upstream/backends.ts'
import type { ForwardOpen } from '../../upstream/forward-open.ts'
import type { KeepFile } from '../../upstream/keep-file.ts'
import type { OnBehalf } from '../../upstream/on-behalf.ts'
import { passedOn } from '../../upstream/passed-on.ts'
import { pathOf } from '../../upstream/places.ts'
import { requireOpen } from '../../upstream/ways.ts'
import { listed, told } from './list.ts'
import { fileRows, type Rows } from './rows.ts'
import { fileIn } from './told.ts'

interface Deps {
  access: ReturnType<typeof access>
  limited: ReturnType<typeof limited>
  belongings: Belongings
  store: Store
  fields: Fields
  now: () => number
  /** The backend that keeps them, and the ways to it. */
  backend: Backend
  keepFile: KeepFile
  open: ForwardOpen
  onBehalf: OnBehalf
}

const GUARD = { access: 'inference', limited: 'caller', parse: 'none' } as const

/** Files that callers have at a backend, each for its owner alone; what they are called and what for is told from our rows. */
export const files = (deps: Deps) => {
  const { access, limited, belongings, now, keepFile, open } = deps
  const rows = fileRows(deps)

  async function content(request: Request, exchange: Exchange): Promise<Response> {
    requireOpen(request)
    await belongings.check(ownerOf(exchange), [theOne(exchange)])
    // Whatever is in it was a caller's choice, its media type too.
    exchange.headers['x-content-type-options'] = 'nosniff'
    return open(request, exchange, { body: 'none', path: `${pathOf(theOne(exchange))}/content` })
  }

  return new Elysia({ name: 'files' })
    .use(access)
    .use(limited)
    .post(
      '/v1/files',
      ({ request, exchange }) => {
        requireOpen(request)
        const owner = ownerOf(exchange)
        return keepFile(request, exchange, (id, answer) => [rows.noted(owner, fileIn(id, answer, now()))])
      },
      { ...GUARD, detail: uploadDetail() },
    )
    .get(
      '/v1/files',
      ({ request, exchange }) => {
        requireOpen(request)
        return listed(rows, ownerOf(exchange), exchange.target.query)
      },
      { ...GUARD, detail: filesDetail() },
    )
    .get(
      '/v1/files/:id',
      ({ request, exchange }) => {
        requireOpen(request)
        return told(rows, ownerOf(exchange), theOne(exchange).id)
      },
      { ...GUARD, detail: fileDetail() },
    )
    .get('/v1/files/:id/content', ({ request, exchange }) => content(request, exchange), {
      ...GUARD,
      detail: contentDetail(),
    })
    .delete(
      '/v1/files/:id',
      ({ request, exchange }) => {
        requireOpen(request)
        return remove(exchange, { ...deps, rows })
      },
      { ...GUARD, detail: removalDetail() },
    )
}

/** The file goes first, and then its rows: who is stopped in between finds it gone the next time, and is answered alike. */
async function remove(exchange: Exchange, { belongings, backend, onBehalf, rows }: Deps & { rows: Rows }) {
  const [file, owner] = [theOne(exchange), ownerOf(exchange)]
  await belongings.check(owner, [file])
  onBehalf.begin(exchange)
  const answer = await onBehalf.ask(exchange, { method: 'DELETE', path: pathOf(file) })
  const isGone = answer.status === 404
  if (answer.ok || isGone) await rows.forget(owner, file.id)
  const said = isGone ? Response.json({ id: file.id, object: 'file', deleted: true }) : answer
  return passedOn(said, exchange, backend.name)
}

function theOne(exchange: Exchange): Reference {
  return { kind: 'file', id: paramOf(exchange, 'id') }
}

function ownerOf({ principal }: Exchange): string {
  if (!principal) throw new TypeError('files of nobody')
  return principal.owner
}

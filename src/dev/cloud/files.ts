import { json } from '../answers.ts'
import type { Call, Routes } from './call.ts'
import { readForm } from './multipart.ts'
import { once } from './once.ts'
import { page } from './page.ts'
import { bad, Refusal } from './refusal.ts'
import { type Manner, type State, secondsOf, type Upload } from './state.ts'

/** How much of a file is kept. */
const KEPT = 1024 * 1024

const PAGE = { usual: 10_000, most: 10_000 }

/** Files: upload, list, one, its content, delete. */
export function files(state: State, manner: Pick<Manner, 'now' | 'isForgetful'>): Routes {
  const { files: shelf } = state
  return {
    'POST files': once(
      state,
      manner,
    )(async call => {
      const { file, fields } = await received(call)
      const purpose = fields.get('purpose')
      if (file?.filename === undefined) throw bad('file', 'Missing required field: file')
      if (purpose === undefined) throw bad('purpose', 'Missing required field: purpose')
      const created_at = secondsOf(manner)
      const seconds = Number(fields.get('expires_after[seconds]') ?? Number.NaN)
      const expiry = Number.isInteger(seconds) ? { expires_at: created_at + seconds } : {}
      const upload = { ...file, id: shelf.freshId(), created_at, ...expiry, purpose, filename: file.filename }
      return answerOf(shelf.put(upload))
    }),
    'GET files': ({ query }) => {
      const purpose = query.get('purpose')
      const asked = shelf.all().filter(file => purpose === null || file.purpose === purpose)
      const { data, ...list } = page(asked, query, shelf, PAGE)
      return json({ ...list, data: data.map(answerOf) })
    },
    'GET files/{id}': ({ params: { id = '' } }) => json(answerOf(shelf.take(id))),
    'GET files/{id}/content': ({ params: { id = '' } }) => content(shelf.take(id)),
    'DELETE files/{id}': ({ params: { id = '' } }) => {
      shelf.remove(id)
      return json({ id, object: 'file', deleted: true })
    },
  }
}

/** The fields of a form, and its file while it comes: however long, no more of it than `KEPT` is held. */
async function received({ heard, body }: Call) {
  const fields = new Map<string, string>()
  const beginning = Buffer.alloc(KEPT)
  let file: { filename: string | undefined; type: string; bytes: number } | undefined
  await readForm(body, heard.headers.get('content-type'), ({ name, filename, type }, bytes) => {
    if (name !== 'file') return void fields.set(name, (fields.get(name) ?? '') + bytes)
    file ??= { filename, type: type ?? 'application/octet-stream', bytes: 0 }
    bytes.copy(beginning, file.bytes)
    file.bytes += bytes.length
  })
  return { fields, file: file && { ...file, beginning: Buffer.from(beginning.subarray(0, file.bytes)) } }
}

function answerOf({ id, bytes, created_at, expires_at, filename, purpose }: Upload) {
  return { id, object: 'file', bytes, created_at, expires_at, filename, purpose }
}

function content({ beginning, bytes, type, filename }: Upload): Response {
  if (bytes > beginning.length) {
    throw new Refusal(501, `Of a file, the stand-in keeps ${KEPT} bytes, and this one has ${bytes}.`)
  }
  const disposition = `attachment; filename="${filename.replaceAll(/[^\x20-\x7e]|["\\]/g, '_')}"`
  const headers = { 'content-type': type, 'content-length': String(bytes), 'content-disposition': disposition }
  return new Response(beginning, { headers })
}

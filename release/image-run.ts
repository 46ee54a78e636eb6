import { commit, compile } from './compile.ts'
import { image } from './image.ts'
import { Gone, LIBC6, libc6Package, placesOf } from './libc6.ts'

const CACHE = 'dist/cache'
const DIRECTORY = 'dist/release'

try {
  // Before the build: it may be nowhere.
  await libc6Package(LIBC6, CACHE, placesOf(process.env))
  const of = commit()
  const { digest } = await image({
    binary: await compile({ directory: 'dist', commit: of }),
    directory: DIRECTORY,
    commit: of,
    cache: CACHE,
    env: process.env,
  })
  console.log(`${DIRECTORY}/oci.tar: an OCI image for linux/amd64, of commit ${of}, with libc6 ${LIBC6.version}`)
  console.log(digest)
} catch (error) {
  if (!(error instanceof Gone)) throw error
  console.error(error.message)
  process.exitCode = 1
}

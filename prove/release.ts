import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../release/compile.ts'
import { claim, type Figure, type Ground } from './kit/claim.ts'

// In a source, and in the executable too: what it says of itself when it breaks.
const SOURCE = 'src/main.ts'
const [BYTE, OTHER] = ['crashed: ', 'crushed: ']

await claim(
  {
    name: 'release',
    says: 'two clones, at two paths, dates, time zones and umasks, release the same files; one byte of source makes others',
    withinSeconds: 240,
  },
  prove,
)

async function prove({ directory }: Ground): Promise<Figure[]> {
  const head = (await run(['git', 'rev-parse', 'HEAD'], { cwd: root })).trim()
  const [near, far] = [join(directory, 'a'), join(directory, 'another/and/deeper/clone')]
  const install = [process.execPath, 'install', '--frozen-lockfile', '--silent']
  await run(['git', 'clone', '-q', root, near])
  await run(['git', '-c', 'core.autocrlf=true', 'clone', '-q', root, far])
  // What another commit may have left: a package inside another's, which an install leaves there.
  await run([...install, '--backend=copyfile'], { cwd: far })
  const nested = 'node_modules/@noble/curves/node_modules/@noble'
  await run(['mkdir', '-p', nested], { cwd: far })
  await run(['cp', '-r', 'node_modules/@noble/hashes', nested], { cwd: far })
  await run(['find', far, '-exec', 'touch', '-h', '-d', '2001-02-03 04:05:06', '{}', '+'])
  const one = await released(near, { TZ: 'UTC' }, '022')
  const other = await released(
    far,
    { TZ: 'Pacific/Chatham', LANG: 'tr_TR.UTF-8', NODE_ENV: 'production', BUN_OPTIONS: '--drop=console' },
    '077',
  )

  // The same commit is claimed, so that the byte alone makes the difference.
  await run(['rm', '-r', join(far, '.git')])
  const source = readFileSync(join(far, SOURCE), 'utf8')
  if (source.split(BYTE).length !== 2) throw new Error(`${SOURCE} does not say "${BYTE}" once: choose another byte`)
  writeFileSync(join(far, SOURCE), source.replace(BYTE, OTHER))
  const bent = await released(far, { SEALGATE_COMMIT: head }, '022')

  return [
    { what: 'released', is: `commit ${head}`, holds: one.commit === head && other.commit === head },
    ...[...one.sums].map(([name, sha256]) => ({ what: name, is: sha256, holds: other.sums.get(name) === sha256 })),
    { what: 'files that only one clone released:', is: String(unlike(one, other)), holds: unlike(one, other) === 0 },
    ...[...one.sums]
      .filter(([name]) => /^sealgate-|^oci\.tar$/.test(name))
      .map(([name, sha256]) => {
        const now = bent.sums.get(name) ?? 'nothing'
        return {
          what: `${name} with another byte in ${SOURCE}`,
          is: now,
          holds: now !== sha256 && bent.commit === head,
        }
      }),
  ]
}

interface Released {
  readonly commit: string
  /** SHA-256, by the name of the file. */
  readonly sums: ReadonlyMap<string, string>
}

/** How many files only one of them has. */
function unlike(one: Released, other: Released): number {
  const shared = [...one.sums.keys()].filter(name => other.sums.has(name)).length
  return one.sums.size + other.sums.size - 2 * shared
}

/** Makes a release in a clone, and believes no sum but what sha256sum makes of the files. */
async function released(clone: string, env: Record<string, string>, umask: string): Promise<Released> {
  const script = 'umask "$1"; exec "$2" run release'
  await run(['sh', '-c', script, 'sh', umask, process.execPath], { cwd: clone, env })
  const folder = join(clone, 'dist/release')
  const text = await run(['sh', '-c', 'LC_ALL=C; sha256sum *'], { cwd: folder })
  if (!text.endsWith(readFileSync(join(folder, 'SHA256SUMS'), 'utf8'))) throw new Error(`SHA256SUMS is not of ${text}`)
  const sums = text.split('\n').flatMap((line): [string, string][] => {
    const [sha256, name] = line.split('  ')
    return sha256 && name ? [[name, sha256]] : []
  })
  const { commit } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))
  return { commit, sums: new Map(sums) }
}

/** Runs a command and gives what it wrote. */
async function run(command: string[], { cwd, env }: { cwd?: string; env?: Record<string, string> } = {}) {
  // Whatever stands around here is no repository of a clone's.
  const surroundings = { ...process.env, GIT_CEILING_DIRECTORIES: '/', ...env }
  const child = Bun.spawn(command, { ...(cwd && { cwd }), env: surroundings, stdout: 'pipe', stderr: 'pipe' })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  if ((await child.exited) !== 0) throw new Error(`${command.join(' ')}: ${err}${out}`)
  return out
}

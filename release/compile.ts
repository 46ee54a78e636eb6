import { join } from 'node:path'

/** The root of the repository, in which everything is compiled. */
export const root = join(import.meta.dir, '..')

/** What a release is made for, as Bun calls them. All with glibc. */
export const platforms = ['linux-x64', 'linux-arm64'] as const
export type Platform = (typeof platforms)[number]

// Minified, the bytes depend neither on the folder nor on the clock. Nothing that lies around the executable is read: the
// last two are what Bun does anyway, until it does not.
const FLAGS = [
  '--compile',
  '--minify',
  // Compiled beforehand a start takes half the CPU; CommonJS, Bun's own choice, would hold the folder's name.
  '--bytecode',
  '--format=esm',
  '--no-compile-autoload-dotenv',
  '--no-compile-autoload-bunfig',
  '--no-compile-autoload-tsconfig',
  '--no-compile-autoload-package-json',
]

interface Compilation {
  /** Where `sealgate` is written: the executable holds this name, so it never has another while it is compiled. */
  readonly directory: string
  /** What the executable says that it is of. */
  readonly commit: string
  /** Without it, the one at hand: the same bytes. */
  readonly platform?: Platform
  /** More of Bun's flags. */
  readonly flags?: readonly string[]
}

/** Compiles the program and gives the executable's path. Whatever is compiled of it, is compiled here. */
export async function compile({ directory, commit, platform, flags = [] }: Compilation): Promise<string> {
  const outfile = join(directory, 'sealgate')
  const define = ['--define', `BUILD_COMMIT=${JSON.stringify(commit)}`]
  const target = platform ? [`--target=bun-${platform}`] : []
  const child = Bun.spawn(
    [process.execPath, 'build', ...FLAGS, ...target, ...flags, ...define, '--outfile', outfile, 'src/main.ts'],
    // Flags of whoever builds would be in the bytes; and without a home that can be written, a compilation and an install
    // keep what they fetch in two places, one of them a change of the tree.
    {
      cwd: root,
      env: { ...process.env, BUN_OPTIONS: '', BUN_INSTALL_CACHE_DIR: cache() },
      stdout: 'ignore',
      stderr: 'pipe',
    },
  )
  const said = await new Response(child.stderr).text()
  if ((await child.exited) !== 0) throw new Error(`not compiled${platform ? ` for ${platform}` : ''}: ${said}`)
  return outfile
}

/** Where Bun keeps what it fetches. */
export function cache(): string {
  return Bun.spawnSync([process.execPath, 'pm', 'cache'], { cwd: root }).stdout.toString().trim()
}

/** The commit that the tree is of, or `unknown`. */
export function commit(): string {
  return Bun.spawnSync(['sh', join(root, 'release/commit.sh')], { cwd: root })
    .stdout.toString()
    .trim()
}

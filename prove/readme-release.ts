import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freshDirectory } from '../test/kit/directory.ts'

// What the README tells a new user to type, typed, in a clone of the last commit that lies elsewhere.
const HEADING = '\n### From a release to a proof\n'
const MOST = 10
const WITHIN_MS = 10 * 60_000
/** What `verify` says of a stand-in. */
const SIMULATED = 3

const clone = freshDirectory()
Bun.spawnSync(['git', 'clone', '--quiet', join(import.meta.dir, '..'), clone], { stderr: 'inherit' })
const commands = commandsIn(readFileSync(join(clone, 'README.md'), 'utf8'))
const began = Date.now()
// One shell, for the gateway in the background, which ends with it.
const steps = commands.map((line, at) => `${line}\ncode=$?; echo "exit ${at} $code"; [ $code = 0 ] || exit`)
const script = ["trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT", ...steps]
const shell = Bun.spawn(['bash', '-c', script.join('\n')], { cwd: clone, stdout: 'pipe', stderr: 'inherit' })
const late = setTimeout(() => shell.kill('SIGTERM'), WITHIN_MS)
const said = await new Response(shell.stdout).text()
clearTimeout(late)
rmSync(clone, { recursive: true })

process.stdout.write(said)
const codes = commands.map((_, at) => Number(new RegExp(`^exit ${at} (\\d+)$`, 'm').exec(said)?.[1] ?? Number.NaN))
const holds = commands.length <= MOST && codes.every((code, at) => code === (at === codes.length - 1 ? SIMULATED : 0))
const seconds = ((Date.now() - began) / 1000).toFixed(0)
const figure = `${commands.length} commands from a clean clone to a verified report ended with ${codes.join(', ')} in ${seconds} s`
console.log(`${holds ? 'claim' : 'FAILED'} readme-release: ${figure} — bun run prove readme-release`)
process.exit(holds ? 0 : 1)

/** The lines of the first block under the heading. */
function commandsIn(readme: string): readonly string[] {
  const [, block = ''] = /```sh\n(.*?)```/s.exec(readme.slice(readme.indexOf(HEADING))) ?? []
  return block.split('\n').filter(line => line !== '')
}

import { readdirSync } from 'node:fs'

// Every claim, one after another, but for the one that takes as long as one likes; or those named.
const claims = readdirSync(import.meta.dir)
  .filter(file => file.endsWith('.ts') && file !== 'run.ts')
  .map(file => file.slice(0, -'.ts'.length))
const named = process.argv.slice(2)
const short = claims.filter(name => name !== 'soak')
const unknown = named.filter(name => !claims.includes(name))
if (unknown.length > 0) {
  console.error(`no such claim: ${unknown.join(', ')}; there are ${claims.join(', ')}`)
  process.exit(2)
}

const figures: string[] = []
let failed = 0
for (const name of named.length > 0 ? named : short) {
  const child = Bun.spawn([process.execPath, '--no-env-file', `${import.meta.dir}/${name}.ts`], {
    stdout: 'pipe',
    stderr: 'inherit',
  })
  let text = ''
  for await (const chunk of child.stdout) {
    process.stdout.write(chunk)
    text += Buffer.from(chunk).toString()
  }
  if ((await child.exited) !== 0) failed++
  figures.push(...text.split('\n').filter(line => /^(claim|FAILED) /.test(line)))
}

if (figures.length > 1) {
  console.log('\n| holds | claim | figure | command |\n|---|---|---|---|')
  for (const line of figures) {
    const [, verdict, name, figure, command] = /^(\w+) (\S+): (.*) — (.*)$/.exec(line) ?? []
    console.log(`| ${verdict === 'claim' ? 'yes' : 'NO'} | ${name} | ${figure} | \`${command}\` |`)
  }
}
process.exit(failed === 0 ? 0 : 1)

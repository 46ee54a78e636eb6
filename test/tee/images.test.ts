import { expect, test } from 'bun:test'
import { imageDigests } from '../../src/tee/images.ts'

const [one, two] = [`sha256:${'1a'.repeat(32)}`, `sha256:${'2b'.repeat(32)}`]
const composed = (yaml: string) => JSON.stringify({ docker_compose_file: yaml })

test('each image that is pinned is told once, in the order of the file', () => {
  const yaml = [
    'services:',
    '  a:',
    `    image: example.com:5000/a:v1@${two} # ${one.replace('1a', '3c')}`,
    '  b:',
    `    image: "b@${one}"`,
    '  c:',
    `    image: '${`a@${two}`}'`,
  ].join('\n')
  expect(imageDigests(composed(yaml))).toEqual([two, one])
})

test.each([
  ['a comment', `services:\n  a:\n    # image: a@${one}\n    image: a:v1`],
  ['a comment behind an image', `services:\n  a:\n    image: a:v1 # was a@${one}`],
  ['another member', `services:\n  a:\n    command: a@${one}`],
  ['a digest cut short', `services:\n  a:\n    image: a@${one.slice(0, -1)}`],
])('%s names no image', (_, yaml) => {
  expect(imageDigests(composed(yaml))).toEqual([])
})

test.each(['', 'no JSON', 'null', '[]', '{"docker_compose_file":1}'])('%j pins nothing', text => {
  expect(imageDigests(text)).toEqual([])
})

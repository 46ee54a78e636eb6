import { afterAll, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { RootsFault, rootsIn } from '../../src/upstream/roots.ts'
import { forOther, ROOT } from '../kit/certificates.ts'
import { freshDirectory } from '../kit/directory.ts'

const directory = freshDirectory()
afterAll(() => rmSync(directory, { recursive: true }))

function written(text: string): string {
  const path = join(directory, 'roots.pem')
  writeFileSync(path, text)
  return path
}

function faultOf(path: string): string {
  try {
    rootsIn(path)
  } catch (fault) {
    if (fault instanceof RootsFault) return fault.message.replace(directory, '')
    throw fault
  }
  return 'none'
}

describe('private roots', () => {
  test('are trusted besides the public ones, and told by the digest of their file', () => {
    const text = `Our own\n${ROOT}\n\r\nAnother\r\n${forOther.cert}`
    const { pem, digest } = rootsIn(written(text))!
    expect(pem.split('-----BEGIN').length - 1).toBe(rootCertificates.length + 2)
    for (const root of [rootCertificates[0]!, ROOT, forOther.cert]) expect(pem).toContain(root)
    expect(digest).toBe(`sha256:${createHash('sha256').update(text).digest('hex')}`)
  })

  test('are none where no file is named', () => {
    expect(rootsIn(undefined)).toBeUndefined()
  })

  test.each([
    ['is empty', '', ' holds no certificate in PEM: name a file that does.'],
    ['has something else', forOther.key, ' holds no certificate in PEM: name a file that does.'],
    [
      'has one that is none',
      `${ROOT}\n${ROOT.replaceAll('MII', 'XXX')}`,
      ' holds no certificate as its number 2: mend it.',
    ],
    ['has one that is cut off', `${ROOT}\n${ROOT.slice(0, 300)}`, ' has a certificate that is cut off: mend it.'],
  ])('cannot be used where their file %s', (_, text, words) => {
    expect(faultOf(written(text))).toBe(`CA_FILE: "/roots.pem"${words}`)
  })

  test('cannot be used where their file is not there', () => {
    expect(faultOf(join(directory, 'nowhere'))).toBe(
      'CA_FILE: "/nowhere" cannot be read (ENOENT): name a file of certificates in PEM.',
    )
  })
})

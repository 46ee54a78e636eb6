import { expect, test } from 'bun:test'
import type { Platform } from '../../release/compile.ts'
import { runtime } from '../../release/runtime.ts'
import { executable } from '../kit/binary.ts'

const here = `${process.platform}-${process.arch}` as Platform

test('the Bun in an executable is the one that compiled it, and no other', async () => {
  expect(runtime(here, await executable())).toBe(process.execPath)
  expect(() => runtime(here, import.meta.path)).toThrow('was not made with')
})

import { expect, test } from 'bun:test'
import { isHashed } from '../../src/protocol/hashed-name.ts'

test.each([
  'assets/index-BdQq4_xZ.js',
  'assets/index-BdQq-4o_.js',
  'assets/index-DiwrgTda.css',
  'assets/fonts/inter-a1b2C3d4.woff2',
  'assets/index-BdQq4o_x.js.map',
  'assets/index-BdQq4o_x.js.br',
  'main.073c9b0a.js',
  'static/js/main.073c9b0a.chunk.js',
  'index.2f8c1d3a9e4b5c6d7f80.css',
])('%s bears a hash', path => {
  expect(isHashed(path)).toBe(true)
})

test.each([
  'index.html',
  'sw.js',
  'index-BdQq4_xZ.js',
  'assets/hero-portrait.png',
  'assets/Hero-Portrait.png',
  'assets/photo-20240101.jpg',
  'assets/photo-2024-101.jpg',
  'assets/arrow-up-right.svg',
  'assets/user-add-icon.svg',
  'assets/icon_on-my_photo.png',
  'assets/app-en-US-v2.json',
  'assets/screenshot-1280x720.png',
  'assets/icon-pwa-512x.png',
  'assets/logo-Version2.png',
  'assets/my-component.js',
  'assets/a-BdQq4_xZ/plain.js',
  'report.20240101.pdf',
  'app.deadbeef.js/readme.txt',
  'facade.facadefa.js',
])('%s may change', path => {
  expect(isHashed(path)).toBe(false)
})

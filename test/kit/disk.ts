import { closeSync, mkdirSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { freshDirectory } from './directory.ts'

function succeeds(...command: string[]): boolean {
  return Bun.which(command[0] ?? '') !== null && Bun.spawnSync(command, { stderr: 'ignore' }).exitCode === 0
}

/** A disk of its own, in memory, that a test may fill, empty and make read-only. */
export interface Disk {
  readonly path: string
  /** Leaves no byte. */
  fill(): void
  /** Takes back what filled it. */
  clear(): void
  remount(mode: 'ro' | 'rw'): void
  stop(): void
}

/** Mounts a disk of so many kilobytes; `undefined` where this process may not. */
export function disk(kilobytes: number): Disk | undefined {
  const path = join(freshDirectory(), 'disk')
  mkdirSync(path)
  if (!succeeds('mount', '-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', path)) return undefined
  const ballast = join(path, 'ballast')
  return {
    path,
    fill: () => {
      const file = openSync(ballast, 'w')
      try {
        for (;;) writeSync(file, Buffer.alloc(4096))
      } catch {
        closeSync(file)
      }
    },
    clear: () => truncateSync(ballast),
    remount: mode => succeeds('mount', '-o', `remount,${mode}`, path),
    stop: () => {
      succeeds('umount', '-l', path)
      rmSync(join(path, '..'), { recursive: true, force: true })
    },
  }
}

/** Whether this process may mount a disk. */
export function mayMount(): boolean {
  const trial = disk(64)
  trial?.stop()
  return trial !== undefined
}

/** Makes a file one that nobody can write to, not even those who have it open; or one like others again. */
export function freeze(frozen: boolean, ...paths: string[]): boolean {
  return succeeds('chattr', frozen ? '+i' : '-i', ...paths)
}

/** Whether a frozen file is so on this disk, for those who have it open too. */
export function mayFreeze(): boolean {
  const path = join(freshDirectory(), 'file')
  writeFileSync(path, '')
  const file = openSync(path, 'w')
  try {
    if (!freeze(true, path)) return false
    writeSync(file, 'more')
    return false
  } catch {
    return true
  } finally {
    closeSync(file)
    freeze(false, path)
    rmSync(join(path, '..'), { recursive: true })
  }
}

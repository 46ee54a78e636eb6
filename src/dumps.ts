import { dlopen } from 'bun:ffi'

// Linux's numbers. musl answers to the name of glibc as well.
const LIBC = 'libc.so.6'
const PR_SET_DUMPABLE = 4
const RLIMIT_CORE = 4

/**
 * Shuts this process's memory to other processes of its user, and leaves none of it in a core file: there are keys in it.
 * Tells whether that could be done; elsewhere than on Linux it cannot.
 */
export function refuseDumps(): boolean {
  if (process.platform !== 'linux') return false
  try {
    const { symbols } = dlopen(LIBC, {
      prctl: { args: ['i32', 'u64', 'u64', 'u64', 'u64'], returns: 'i32' },
      setrlimit: { args: ['i32', 'ptr'], returns: 'i32' },
    })
    const none = new BigUint64Array(2)
    return symbols.setrlimit(RLIMIT_CORE, none) === 0 && symbols.prctl(PR_SET_DUMPABLE, 0n, 0n, 0n, 0n) === 0
  } catch {
    // A Bun built without its foreign functions, or a system that lets no code be made at run time.
    return false
  }
}

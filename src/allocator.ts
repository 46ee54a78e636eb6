/**
 * What Bun's allocator reads of the environment as a process starts, in milliseconds: it would give memory back as soon as it
 * is free, and the next request has it again. Of a small chat alone that is a fifth of the CPU (`bench/README.md`).
 */
export const ALLOCATOR = { MIMALLOC_PURGE_DELAY: '10000' } as const

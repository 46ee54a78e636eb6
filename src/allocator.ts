/**
 * What Bun's allocator reads of the environment as a process starts, in milliseconds: else it gives memory back soon after it
 * is free, and the next request takes it again: of a small chat alone that is a fifth of the CPU (`bench/README.md`).
 */
export const ALLOCATOR = { MIMALLOC_PURGE_DELAY: '10000' } as const

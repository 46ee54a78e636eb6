/** One timer, set anew by each `in`, and by `unlessSet` only where it is not set yet. */
export function alarm() {
  let timer: ReturnType<typeof setTimeout> | undefined
  const off = () => {
    clearTimeout(timer)
    timer = undefined
  }
  return {
    off,
    in: (ms: number, ring: () => void) => {
      off()
      timer = setTimeout(ring, ms)
    },
    unlessSet: (ms: number, ring: () => void) => {
      timer ??= setTimeout(ring, ms)
    },
  }
}

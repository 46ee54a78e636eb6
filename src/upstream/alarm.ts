/** One timer, set anew by each `in`. */
export function alarm() {
  let timer: ReturnType<typeof setTimeout> | undefined
  const off = () => clearTimeout(timer)
  return {
    off,
    in: (ms: number, ring: () => void) => {
      off()
      timer = setTimeout(ring, ms)
    },
  }
}

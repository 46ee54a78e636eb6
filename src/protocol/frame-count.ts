/**
 * Counts the frames of a sealed body (EHBP 0.3.1) that passed whole, empty ones left out, from bytes that arrive split
 * anywhere. It follows the lengths and keeps no payload; what is not frames gives some number.
 */
export class FrameCount {
  count = 0
  /** Bytes of the payload under way that are still to come. */
  #left = 0
  #header = 0
  #headerBytes = 0

  feed(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#left === 0) this.#read(bytes[at++] ?? 0)
      else if (this.#left <= bytes.length - at) {
        at += this.#left
        this.#left = 0
        this.count++
      } else {
        this.#left -= bytes.length - at
        return
      }
    }
  }

  #read(byte: number): void {
    this.#header = this.#header * 256 + byte
    if (++this.#headerBytes < 4) return
    this.#left = this.#header
    this.#header = 0
    this.#headerBytes = 0
  }
}

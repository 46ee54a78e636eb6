import { dlopen, FFIType, ptr } from 'bun:ffi'
import { readdirSync } from 'node:fs'

// From <sys/socket.h> and <linux/filter.h>.
const SOL_SOCKET = 1
const SO_ATTACH_REUSEPORT_CBPF = 51
const BPF_RET_K = 0x06

// Listeners that share a port are counted from 0 in the order in which they came; when one closes, the last takes its
// number. A program that names one that is not there is passed over, so this one holds for one listener and for two.
const SECOND = 1

/**
 * Leads new connections to the second of two listeners that this process has on a port: what already waits for the first
 * is still accepted there, and so that one can be closed with nothing in its queue. Elsewhere than on Linux with glibc
 * nothing is done, and both go on to be given some.
 */
export function steerToSecond(): void {
  try {
    const { i32, u32, ptr: pointer } = FFIType
    const args = [i32, i32, i32, pointer, u32]
    const { symbols, close } = dlopen('libc.so.6', { setsockopt: { args, returns: i32 } })
    const [filter, program] = [new DataView(new ArrayBuffer(8)), new DataView(new ArrayBuffer(16))]
    filter.setUint16(0, BPF_RET_K, true)
    filter.setUint32(4, SECOND, true)
    program.setUint16(0, 1, true)
    program.setBigUint64(8, BigInt(ptr(filter)), true)
    // Bun does not tell a listener's descriptor. All but those that share a port refuse the option.
    for (const fd of readdirSync('/proc/self/fd'))
      symbols.setsockopt(Number(fd), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, ptr(program), program.byteLength)
    // Until here the program points at the filter, which nothing else holds.
    filter.getUint16(0)
    close()
  } catch {
    return
  }
}

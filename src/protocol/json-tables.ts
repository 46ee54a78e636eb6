// What each byte may be in a JSON text (RFC 8259), as tables: a look-up costs less than the comparisons.

/** Bits of a byte's class: white space; what a string holds as it is; and of that, what is ASCII. */
export const [SPACE, PLAIN, ASCII] = [1, 2, 4]

export const CLASS = Uint8Array.from({ length: 256 }, (_, byte) => {
  const space = ' \t\n\r'.includes(String.fromCharCode(byte)) ? SPACE : 0
  if (byte < 0x20 || byte === 0x22 || byte === 0x5c) return space
  return space | PLAIN | (byte < 0x80 ? ASCII : 0)
})

/** What the character behind a backslash stands for; 0 where it stands for nothing. */
export const ESCAPED = table({ '"': 0x22, '\\': 0x5c, '/': 0x2f, b: 8, f: 12, n: 10, r: 13, t: 9 })

/** The value of a hex digit; negative for anything else. */
export const HEX = Int8Array.from({ length: 256 }, (_, byte) =>
  '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase()),
)

/** What a byte is in a number: 0 nothing, 1 zero, 2 another digit, then point, exponent, plus and minus. */
export const IN_NUMBER = table({
  0: 1,
  ...Object.fromEntries([...'123456789'].map(digit => [digit, 2])),
  '.': 3,
  e: 4,
  E: 4,
  '+': 5,
  '-': 6,
})

const [START, MINUS, ZERO, WHOLE, POINT, FRACTION, EXPONENT, SIGN, POWER] = [0, 1, 2, 3, 4, 5, 6, 7, 8]
/** Where a number is over: the next byte is none of it. */
export const STOP = 9
const NEXT: Readonly<Record<number, readonly number[]>> = {
  [START]: [0, ZERO, WHOLE, 0, 0, 0, MINUS],
  [MINUS]: [0, ZERO, WHOLE, 0, 0, 0, 0],
  [ZERO]: [0, 0, 0, POINT, EXPONENT, 0, 0],
  [WHOLE]: [0, WHOLE, WHOLE, POINT, EXPONENT, 0, 0],
  [POINT]: [0, FRACTION, FRACTION, 0, 0, 0, 0],
  [FRACTION]: [0, FRACTION, FRACTION, 0, EXPONENT, 0, 0],
  [EXPONENT]: [0, POWER, POWER, 0, 0, SIGN, SIGN],
  [SIGN]: [0, POWER, POWER, 0, 0, 0, 0],
  [POWER]: [0, POWER, POWER, 0, 0, 0, 0],
}

/** A number's grammar: the next place, by 8 × the place and what the next byte is. */
export const NUMBER = Uint8Array.from({ length: 8 * STOP }, (_, at) => NEXT[at >> 3]?.[at & 7] || STOP)

/** Whether a number may end at this place. */
export const isWhole = (place: number): boolean =>
  place === ZERO || place === WHOLE || place === FRACTION || place === POWER

function table(values: Readonly<Record<string, number>>): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => values[String.fromCharCode(byte)] ?? 0)
}

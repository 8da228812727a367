// Hashes of JavaScript strings as two 32-bit lanes, in 32-bit arithmetic: no BigInt, no byte array, no allocation.
//
// HalfSipHash-1-3 with 64 bits of output over the UTF-16 code units, two to a word. A multiplicative hash would be a
// third faster, but whoever can choose its input (a header's value, an address) can build collisions for every seed at
// once, and share somebody else's limit. HalfSipHash is made for this: without the seed, collisions cannot be aimed.

// Lengths and constants of the definition: v2 and v3 start as "lyge" and "tedb"; 0xee and 0xdd mark 64 bits of output.
const V2_START = 0x6c796765;
const V3_START = 0x74656462;
const WIDE_OUTPUT = 0xee;
const SECOND_LANE = 0xdd;
const FINAL_ROUNDS = 3;

// Names are hashed the same on every node and after every restart.
const NAME_KEY_LOW = 0x736c7569;
const NAME_KEY_HIGH = 0x63652e31;

/**
 * Hashes keys of limits with a seed that is random per process and the same for all its threads.
 * @source Aumasson and Bernstein, HalfSipHash (reference code of SipHash, halfsiphash.c), c = 1, d = 3
 */
export class SeededHash {
  /** Bits 0 to 31 of the last hash, as a signed integer. */
  low = 0;
  /** Bits 32 to 63 of the last hash, as a signed integer. Low and high are never both 0. */
  high = 0;

  readonly #seedLow: number;
  readonly #seedHigh: number;
  #v0 = 0;
  #v1 = 0;
  #v2 = 0;
  #v3 = 0;

  constructor(seedLow: number, seedHigh: number) {
    this.#seedLow = seedLow | 0;
    this.#seedHigh = seedHigh | 0;
  }

  /**
   * Hash 8 bytes of identity and a string into `low` and `high`.
   * @hot no allocation; 4 ns per code unit or less
   */
  hash(idLow: number, idHigh: number, value: string): void {
    let v0 = this.#seedLow;
    let v1 = this.#seedHigh ^ WIDE_OUTPUT;
    let v2 = this.#seedLow ^ V2_START;
    let v3 = this.#seedHigh ^ V3_START;
    const length = value.length;
    // Words −2 and −1 are the identity; an odd last unit shares its word with the length in bytes.
    const wordCount = length >> 1;
    const lengthByte = ((8 + 2 * length) & 0xff) << 24;
    const last = (length & 1) === 1 ? lengthByte | value.charCodeAt(length - 1) : lengthByte;
    for (let index = -2; index <= wordCount; index++) {
      let word = last;
      if (index < wordCount) {
        if (index >= 0) word = value.charCodeAt(index << 1) | (value.charCodeAt((index << 1) + 1) << 16);
        else word = index === -2 ? idLow | 0 : idHigh | 0;
      }
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    this.#v0 = v0;
    this.#v1 = v1;
    this.#v2 = v2 ^ WIDE_OUTPUT;
    this.#v3 = v3;
    this.low = this.#finalLane();
    this.#v1 ^= SECOND_LANE;
    this.high = this.#finalLane();
    // 0, 0 marks an empty slot in shared memory.
    if ((this.low | this.high) === 0) this.low = 1;
  }

  /** @hot */
  #finalLane(): number {
    let v0 = this.#v0;
    let v1 = this.#v1;
    let v2 = this.#v2;
    let v3 = this.#v3;
    for (let round = 0; round < FINAL_ROUNDS; round++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    this.#v0 = v0;
    this.#v1 = v1;
    this.#v2 = v2;
    this.#v3 = v3;
    return v1 ^ v3;
  }
}

/** The same 64 bits for a name on every node and in every release. @returns two signed 32-bit lanes, never both 0 */
export function hashName(name: string): { readonly low: number; readonly high: number } {
  const hash = new SeededHash(NAME_KEY_LOW, NAME_KEY_HIGH);
  hash.hash(0, 0, name);
  return { low: hash.low, high: hash.high };
}

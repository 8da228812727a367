// Whether an address is in one of many ranges. It reads the plan's bytes where they lie: routes that share a list share them.

import type { AddressSetPlan } from './ip-plan.ts';
import type { ParsedAddress } from './parsed-address.ts';

// Of the first and the last address of a range.
const IPV4_RANGE_BYTES = 8;
const IPV6_ADDRESS_BYTES = 16;

export class AddressSet {
  /** Ranges, after those that touch each other have become one. */
  readonly count: number;
  readonly #ipv4: DataView;
  readonly #ipv6: DataView;
  readonly #ipv4Count: number;
  readonly #ipv6Count: number;

  constructor({ ipv4, ipv6 }: AddressSetPlan) {
    this.#ipv4 = new DataView(ipv4.buffer, ipv4.byteOffset, ipv4.byteLength);
    this.#ipv6 = new DataView(ipv6.buffer, ipv6.byteOffset, ipv6.byteLength);
    this.#ipv4Count = ipv4.byteLength / IPV4_RANGE_BYTES;
    this.#ipv6Count = ipv6.byteLength / (2 * IPV6_ADDRESS_BYTES);
    this.count = this.#ipv4Count + this.#ipv6Count;
  }

  /** @param address  of family 4 or 6 @hot measured by npm run bench:hot -- --only ip: */
  has(address: ParsedAddress): boolean {
    return address.family === 4 ? this.#hasIpv4(address.words[3] as number) : this.#hasIpv6(address.words);
  }

  /** @hot */
  #hasIpv4(address: number): boolean {
    const view = this.#ipv4;
    const count = this.#ipv4Count;
    // How many ranges begin at or below the address.
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (view.getUint32(4 * middle, true) <= address) low = middle + 1;
      else high = middle;
    }
    return low > 0 && address <= view.getUint32(4 * (count + low - 1), true);
  }

  /** @hot */
  #hasIpv6(words: Uint32Array): boolean {
    const count = this.#ipv6Count;
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(middle, words) <= 0) low = middle + 1;
      else high = middle;
    }
    return low > 0 && this.#compare(count + low - 1, words) >= 0;
  }

  /** @hot @returns below 0: the n-th address of the view is below this one */
  #compare(n: number, words: Uint32Array): number {
    const at = IPV6_ADDRESS_BYTES * n;
    for (let word = 0; word < 4; word++) {
      const difference = this.#ipv6.getUint32(at + 4 * word, true) - (words[word] as number);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}

// A set of IP addresses and CIDR blocks.

import { BlockList, isIP } from 'node:net';

export class AddressBlocks {
  readonly #blocks = new BlockList();
  readonly #isEmpty: boolean;

  /** @param cidrs  addresses or CIDR blocks, checked */
  constructor(cidrs: readonly string[]) {
    this.#isEmpty = cidrs.length === 0;
    for (const cidr of cidrs) {
      const [address = '', bits] = cidr.split('/');
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      if (bits === undefined) this.#blocks.addAddress(address, family);
      else this.#blocks.addSubnet(address, Number(bits), family);
    }
  }

  /** @returns false for what is no address @hot without blocks: one comparison */
  has(address: string): boolean {
    if (this.#isEmpty) return false;
    const family = isIP(address);
    return family !== 0 && this.#blocks.check(address, family === 6 ? 'ipv6' : 'ipv4');
  }
}

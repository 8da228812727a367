// Whose X-Forwarded-For is believed. The client is the last address in the chain that is no trusted proxy; what stands
// before it was written by somebody unknown.

import { isIP } from 'node:net';
import { AddressBlocks } from './address-blocks.ts';

export class TrustedProxies {
  readonly #blocks: AddressBlocks;

  /** @param cidrs  addresses or CIDR blocks, checked */
  constructor(cidrs: readonly string[]) {
    this.#blocks = new AddressBlocks(cidrs);
  }

  /** @hot without trusted proxies: one comparison */
  trusts(address: string): boolean {
    return this.#blocks.has(address);
  }

  /** @param forwardedFor  the header of a request whose peer is trusted; @returns the client's address */
  clientOf(peer: string, forwardedFor: string): string {
    const chain = forwardedFor.split(',');
    let client = peer;
    for (let i = chain.length - 1; i >= 0; i--) {
      const address = bareAddress((chain[i] as string).trim());
      if (address === '') return client;
      client = address;
      if (!this.trusts(address)) return client;
    }
    return client;
  }
}

/** '1.2.3.4:5678' and '[::1]:80' without the port; '' for what is no address. */
function bareAddress(value: string): string {
  const bare = value.replace(WITH_BRACKETS, '$1').replace(WITH_PORT, '$1');
  return isIP(bare) === 0 ? '' : bare;
}

const WITH_BRACKETS = /^\[([\dA-Fa-f:.]*:[\dA-Fa-f:.]*)\](?::\d+)?$/;
const WITH_PORT = /^([\d.]+):\d+$/;

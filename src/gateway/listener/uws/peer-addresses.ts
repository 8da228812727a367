// The addresses of connections' peers as text.
//
// uWebSockets.js keeps nothing per connection: asked for a request's address, it makes a system call and a buffer, some 8 % of
// what a proxied request costs. But it tells of each connection once, when it opens. As long as all connections that
// opened since there was none came from one address, which is so behind a load balancer, every request is from there.

import type { HttpResponse } from 'uWebSockets.js';
import { peerAddress } from '../../../base/peer-address.ts';

// Forgotten all at once: clients choose how many there are.
const KNOWN_MAX = 4_096;
const IPV4_BYTES = 4;
const IPV6_BYTES = 16;
const MAPPED_PREFIX_BYTES = 12;

export class PeerAddresses {
  readonly #known = new Map<number, string>();
  #openCount = 0;
  /** Where all open connections come from; '' when that is not known, or more than one. */
  #only = '';

  /** A connection has opened. @returns its address */
  opened(res: HttpResponse): string {
    const address = this.#read(res);
    if (this.#openCount++ === 0) this.#only = address;
    else if (this.#only !== address) this.#only = '';
    return address;
  }

  /** A connection that was told of has closed. */
  closed(): void {
    this.#openCount--;
  }

  /** Of a request's peer. @hot */
  of(res: HttpResponse): string {
    return this.#only === '' ? this.#read(res) : this.#only;
  }

  #read(res: HttpResponse): string {
    const bytes = new Uint8Array(res.getRemoteAddress());
    // As four bytes, for which the text is known, it costs less than half of having it printed.
    if (bytes.length === IPV4_BYTES) return this.#textOf(bytes, 0);
    return bytes.length === IPV6_BYTES && isMapped(bytes)
      ? this.#textOf(bytes, MAPPED_PREFIX_BYTES)
      : peerAddress(Buffer.from(res.getRemoteAddressAsText()).toString('latin1'));
  }

  #textOf(bytes: Uint8Array, at: number): string {
    const a = bytes[at] as number;
    const b = bytes[at + 1] as number;
    const c = bytes[at + 2] as number;
    const d = bytes[at + 3] as number;
    const key = (a << 24) | (b << 16) | (c << 8) | d;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    const text = `${a}.${b}.${c}.${d}`;
    this.#known.set(key, text);
    return text;
  }
}

/** ::ffff:1.2.3.4 */
function isMapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

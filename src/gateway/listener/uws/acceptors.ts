// All acceptors of the process: one for each listener with engine: uws.

import type { TlsPlan } from '../../worker-messages.ts';
import type { UwsAppDescriptor } from '../load-uws.ts';
import { Acceptor, type Address } from './acceptor.ts';

interface AcceptedAddress extends Address {
  /** undefined: plain HTTP. */
  readonly tls?: TlsPlan | undefined;
}

export class Acceptors {
  readonly #acceptors: readonly Acceptor[];
  readonly #addresses: readonly Address[];

  /** @throws {Error} when the addon refuses a certificate */
  constructor(addresses: readonly AcceptedAddress[]) {
    this.#addresses = addresses;
    this.#acceptors = addresses.map(({ tls }) => new Acceptor(tls));
  }

  /**
   * @param sharesPorts  another process may listen on them, too, to take over
   * @returns the ports, in order
   * @throws {Error} when an address cannot be had
   */
  listen(sharesPorts: boolean): readonly number[] {
    return this.#acceptors.map((acceptor, index) => {
      const address = this.#addresses[index] as Address;
      const port = acceptor.listen(address, sharesPorts);
      if (port !== undefined) return port;
      throw new Error(
        `${address.host}:${address.port} cannot be listened on: another process has it, or it is not allowed`,
      );
    });
  }

  /** @param descriptors  of one worker's apps, in the order of the listeners */
  add(descriptors: readonly number[]): void {
    descriptors.forEach((descriptor, index) => this.#acceptors[index]?.add(descriptor as UwsAppDescriptor));
  }

  remove(descriptors: readonly number[]): void {
    descriptors.forEach((descriptor, index) => this.#acceptors[index]?.remove(descriptor as UwsAppDescriptor));
  }

  /** One worker's connections go to other apps of its from now on. Before `before` is closed, as with remove. */
  swap(before: readonly number[], after: readonly number[]): void {
    for (const [index, acceptor] of this.#acceptors.entries()) {
      if (before[index] === after[index]) continue;
      // In this order: at no moment is there none.
      acceptor.add(after[index] as UwsAppDescriptor);
      acceptor.remove(before[index] as UwsAppDescriptor);
    }
  }

  /**
   * Connections that are established and not accepted are reset when their listening socket is closed. All that there
   * are have been accepted in the turn before: what can still be lost came within microseconds.
   */
  async stopListening(): Promise<void> {
    // The phase right behind that in which sockets are polled.
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    for (const acceptor of this.#acceptors) acceptor.stopListening();
  }

  close(): void {
    for (const acceptor of this.#acceptors) acceptor.close();
  }
}

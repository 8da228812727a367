// Who may see how a request was decided (X-Sluice-Explain): whose address is named, or who has signed this very request. What is
// told is for operators: names of policies, consumers and targets.

import { AddressBlocks } from '../address-blocks.ts';
import type { Exchange } from '../pipeline/exchange.ts';
import type { ExplainPlan } from '../snapshot.ts';
import { isSignedExplain } from './explain-signature.ts';

// What proxies add to the requests that they pass on.
const RELAY_HEADERS = ['x-forwarded-for', 'forwarded', 'via'];

export class ExplainPermit {
  readonly #from: AddressBlocks;
  readonly #secret: string;

  constructor({ from, secret }: ExplainPlan) {
    this.#from = new AddressBlocks(from);
    this.#secret = secret;
  }

  /** @param x  which has the header @param nowSeconds  since 1970 */
  allows(x: Exchange, nowSeconds: number): boolean {
    if (this.#from.has(x.clientAddress) && !isRelayedByStranger(x)) return true;
    if (this.#secret === '') return false;
    return isSignedExplain(x.explainHeader, this.#secret, x.method, x.rawPath + x.query, nowSeconds);
  }
}

/** A proxy that nobody named as trusted stands for all its clients: its address is not the caller's. */
function isRelayedByStranger(x: Exchange): boolean {
  return !x.peerTrusted && RELAY_HEADERS.some((name) => x.header(name) !== '');
}

// A holder's side of a quota over instances: what one instance has of one window, and the request that it must have an answer to.
// A pure state machine; whoever has it sends what ask() and giveBack() say, one at a time, and tells answered().
//
// A request without a reply stays pending, and is sent again with the same words before any other, so that no block is stranded
// or given back twice by a slow network.

import type { BlockReply, BlockRequest } from './block-record.ts';
import { blockStatus } from './block-record.ts';

export interface BlockContext {
  readonly holder: string;
  /** Of the last request of any window. */
  sequence: number;
}

export class BlockAccount {
  readonly #context: BlockContext;
  readonly #endMs: number;
  /** All that was granted to this holder in this window, less what was given back, as it is on disk. */
  total: number;
  /** Tokens at hand that are nobody's: they go to the next who asks, or back. */
  spare = 0;
  #limit = 0;
  #pending: BlockRequest | undefined;

  /**
   * @param endMs  when the window is over; 0 when it never is
   * @param total  what is known of it from before a restart; it counts as spent
   */
  constructor(context: BlockContext, endMs: number, total: number) {
    this.#context = context;
    this.#endMs = endMs;
    this.total = total;
  }

  /** To be sent again before anything else. */
  get pending(): BlockRequest | undefined {
    return this.#pending;
  }

  /** @param limit  tokens of the window, as configured now */
  ask(limit: number, wanted: number): BlockRequest {
    this.#limit = limit;
    return this.#send(wanted, 0);
  }

  /** All that is spare goes back. */
  giveBack(): BlockRequest {
    const returned = this.spare;
    this.spare = 0;
    return this.#send(0, returned);
  }

  /** @returns what the reply adds to the total: tokens granted, less those that were given back */
  answered(request: BlockRequest, reply: BlockReply): number {
    if (this.#pending !== request) return 0;
    this.#pending = undefined;
    return reply.status === blockStatus.stale ? 0 : reply.granted - request.returned;
  }

  #send(wanted: number, returned: number): BlockRequest {
    const { holder } = this.#context;
    const sequence = ++this.#context.sequence;
    const total = Math.max(0, this.total - returned);
    this.#pending = { limit: this.#limit, holder, sequence, total, returned, wanted, endMs: this.#endMs };
    return this.#pending;
  }
}

// Calls that wait for a connection, in order; one that is cancelled leaves at once, wherever it stands.

import type { CallQueue, WireCall } from './wire-call.ts';

export class WaitingCalls implements CallQueue {
  #first: WireCall | undefined;
  #last: WireCall | undefined;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  enter(call: WireCall): void {
    call.waitPrevious = this.#last;
    if (this.#last === undefined) this.#first = call;
    else this.#last.waitNext = call;
    this.#last = call;
    this.#count++;
  }

  /** The one that has waited longest; it waits no more. */
  take(): WireCall | undefined {
    const call = this.#first;
    if (call !== undefined) this.leave(call);
    return call;
  }

  leave(call: WireCall): void {
    const { waitPrevious, waitNext } = call;
    if (waitPrevious === undefined && this.#first !== call) return;
    if (waitPrevious === undefined) this.#first = waitNext;
    else waitPrevious.waitNext = waitNext;
    if (waitNext === undefined) this.#last = waitPrevious;
    else waitNext.waitPrevious = waitPrevious;
    call.waitPrevious = undefined;
    call.waitNext = undefined;
    this.#count--;
  }
}

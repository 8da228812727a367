// An exchange that waits for a place at its upstream. It stands in for the backend's call meanwhile, so that whatever happens
// to the exchange (more of its body, its client's end) reaches the queue.

import { errors } from '../../pipeline/errors.ts';
import type { BackendCall, Exchange } from '../../pipeline/exchange.ts';
import { keepBody } from '../../pipeline/kept-body.ts';
import { refuse } from '../../pipeline/respond.ts';
import type { LoadPlan } from '../../snapshot.ts';
import type { Waiting } from './wait-queue.ts';

/** Goes on with an exchange that has got its place. */
export interface Admitted {
  begin(x: Exchange): void;
}

/** Where it waits. */
export interface WaiterOwner {
  /** Take it out of the queue: its exchange ends. */
  forget(waiter: Waiter): void;
  /** It has waited as long as it may. */
  giveUp(waiter: Waiter): void;
}

export class Waiter implements BackendCall, Waiting<Waiter> {
  readonly x: Exchange;
  readonly plan: LoadPlan;
  readonly backend: Admitted;
  readonly level: number;
  readonly sinceMs: number;
  next: Waiter | undefined = undefined;
  previous: Waiter | undefined = undefined;
  readonly #owner: WaiterOwner;

  constructor(
    owner: WaiterOwner,
    x: Exchange,
    asked: { readonly plan: LoadPlan; readonly backend: Admitted; readonly level: number; readonly sinceMs: number },
  ) {
    this.#owner = owner;
    this.x = x;
    this.plan = asked.plan;
    this.backend = asked.backend;
    this.level = asked.level;
    this.sinceMs = asked.sinceMs;
  }

  /** Kept until the backend wants it; the client is paused. */
  sendBody(chunk: Buffer): void {
    if (!keepBody(this.x, chunk)) refuse(this.x, errors.PARKING_FULL.id);
  }

  resumeAnswer(): void {}

  expire(): void {
    this.#owner.giveUp(this);
  }

  cancel(): void {
    this.#owner.forget(this);
  }
}

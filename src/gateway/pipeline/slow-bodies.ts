// Request bodies that come too slowly. A client that sends a byte now and then keeps every timer from firing, and with
// it a connection, an exchange and maybe a place at an upstream for as long as it likes. So a body that goes on has to keep a
// pace, counted over all of it: a stall now and then is forgiven, a drip is not.

import { errors } from './errors.ts';
import { type Exchange, Phase } from './exchange.ts';
import { refuse } from './respond.ts';

// A body is asked for nothing while it begins: a connection that was just made is slow, and so are clients that make up their
// bodies as they go.
export const SLOW_BODY_GRACE_MS = 5_000;
const CHECK_MS = 1_000;

export class SlowBodies {
  /** Whose body has begun and goes on. Each leaves with its last piece, or with its exchange. */
  readonly #watched = new Set<Exchange>();
  #checkedMs: number;

  constructor(nowMs: number) {
    this.#checkedMs = nowMs;
  }

  get count(): number {
    return this.#watched.size;
  }

  watch(x: Exchange): void {
    x.isBodyWatched = true;
    this.#watched.add(x);
  }

  leave(x: Exchange): void {
    x.isBodyWatched = false;
    this.#watched.delete(x);
  }

  /** @param nowMs  monotonic */
  tick(nowMs: number): void {
    const passedMs = nowMs - this.#checkedMs;
    if (passedMs < CHECK_MS) return;
    this.#checkedMs = nowMs;
    // A loop that was held up is not the clients' fault: what they sent meanwhile has yet to be read.
    for (const x of this.#watched) this.#check(x, Math.min(passedMs, CHECK_MS));
  }

  #check(x: Exchange, passedMs: number): void {
    // Who is told to wait is not slow. What is read to be dropped has a deadline of its own.
    if (x.bodyPaused || x.phase === Phase.DISCARDING) return;
    x.bodyMs += passedMs;
    const owedBytes = ((x.bodyMs - SLOW_BODY_GRACE_MS) / 1_000) * x.snapshot.plan.bodyRateMin;
    if (x.bodyBytes >= owedBytes) return;
    this.leave(x);
    x.closeAfter = true;
    refuse(x, errors.REQUEST_TIMEOUT.id, 'the body comes too slowly');
  }
}

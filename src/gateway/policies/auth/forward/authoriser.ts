// One authoriser, as a worker asks it: the questions under way, those that wait for a place, and its connections.

import type { DataPlane } from '../../../data-plane.ts';
import type { Transport } from '../../../upstream/transports/transport.ts';
import type { AuthoriserCall, FixedTarget } from './authoriser-call.ts';
import type { ForwardPlan } from './forward-plan.ts';
import type { Judgement } from './judgement.ts';

/** At once, per worker: of answers in 10 ms, 6,400 a second. */
export const ASKING_MAX = 64;
/** That wait for a place. */
export const WAITING_MAX = 256;
const IDLE_MS = 60_000;
// Less than what servers commonly keep: 5 s.
const KEEP_ALIVE_MS = 4_000;

export class Authoriser {
  readonly plan: ForwardPlan;
  /** In front of its keys: no two of a worker have the same. */
  readonly id: number;
  /** Questions under way or waiting, by what they ask. */
  readonly underWay = new Map<string, AuthoriserCall>();
  /** Only while those are woken who wait for them; by what they wait for. */
  readonly answers = new Map<string, Judgement>();
  readonly #plane: DataPlane;
  readonly #waiting: AuthoriserCall[] = [];
  #asking = 0;
  #transport: Transport | undefined;
  #usedMs = 0;

  constructor(id: number, plan: ForwardPlan, plane: DataPlane) {
    this.id = id;
    this.plan = plan;
    this.#plane = plane;
  }

  isFull(): boolean {
    return this.#waiting.length >= WAITING_MAX;
  }

  add(call: AuthoriserCall): void {
    this.underWay.set(call.key, call);
    this.#waiting.push(call);
    this.#startNext();
  }

  /** A question has its answer, or will have none. */
  remove(call: AuthoriserCall): void {
    this.underWay.delete(call.key);
    const at = this.#waiting.indexOf(call);
    if (at >= 0) this.#waiting.splice(at, 1);
    else this.#asking--;
    this.#startNext();
  }

  /** @returns false when there is nothing to be looked after any more */
  tick(nowMs: number): boolean {
    for (const call of this.underWay.values()) if (call.dueMs <= nowMs) call.expire();
    if (this.underWay.size > 0) this.#usedMs = nowMs;
    else if (nowMs - this.#usedMs >= IDLE_MS) this.#release();
    return this.underWay.size > 0 || this.#transport !== undefined;
  }

  #startNext(): void {
    while (this.#asking < ASKING_MAX) {
      const call = this.#waiting.shift();
      if (call === undefined) return;
      this.#asking++;
      call.start(this.#fixed());
    }
  }

  #fixed(): FixedTarget | undefined {
    const { target, timeoutMs } = this.plan;
    if (target.kind === 'upstream') return undefined;
    this.#usedMs = this.#plane.deadlines.nowMs;
    this.#transport ??= this.#plane.pools.acquire({
      origin: target.origin,
      socketPath: '',
      connectTimeoutMs: timeoutMs,
      connectionsMax: ASKING_MAX,
      connectionsMin: 0,
      idleTimeoutMs: KEEP_ALIVE_MS,
      pipelining: 1,
      http2: false,
      tls: undefined,
    });
    return { transport: this.#transport, authority: target.authority };
  }

  #release(): void {
    if (this.#transport !== undefined) this.#plane.pools.release(this.#transport);
    this.#transport = undefined;
  }
}

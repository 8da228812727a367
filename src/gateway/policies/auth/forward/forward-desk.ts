// All that a worker knows of what authorisers say, whatever route and snapshot asks: answers that are remembered, and questions under
// way. Refusals have a room of their own, so that a flood of them pushes no caller out that may pass.

import type { DataPlane } from '../../../data-plane.ts';
import { ADMIT, errors, type Verdict } from '../../../pipeline/errors.ts';
import type { Exchange } from '../../../pipeline/exchange.ts';
import type { LiveUpstream } from '../../../upstream/live-upstream.ts';
import { BoundedCache } from '../bounded-cache.ts';
import { askRequest } from './ask-request.ts';
import { Authoriser } from './authoriser.ts';
import { AuthoriserCall } from './authoriser-call.ts';
import type { ForwardPlan } from './forward-plan.ts';
import { bytesOf, type Judgement } from './judgement.ts';
import { type ForwardAnswer, readAnswer } from './read-answer.ts';

const GOOD_COUNT_MAX = 10_000;
const GOOD_BYTES_MAX = 16 * 2 ** 20;
const BAD_COUNT_MAX = 2_000;
const BAD_BYTES_MAX = 4 * 2 ** 20;
// Routes with settings of their own. Further ones ask for themselves.
const AUTHORISERS_MAX = 256;
/** Of bodies that questions hold, all together. */
export const HELD_BYTES_MAX = 16 * 2 ** 20;
// The desk gives a question up by itself: this is for an exchange that it would forget.
const GRACE_MS = 1_000;

const counters = {
  [ADMIT]: 'forwardAllowed',
  [errors.UNAUTHENTICATED.id]: 'forwardDenied',
  [errors.FORBIDDEN.id]: 'forwardDenied',
  [errors.AUTH_UNAVAILABLE.id]: 'forwardFailed',
} as const;

export class ForwardDesk {
  readonly good = new BoundedCache<Judgement>(GOOD_COUNT_MAX, GOOD_BYTES_MAX);
  readonly bad = new BoundedCache<Judgement>(BAD_COUNT_MAX, BAD_BYTES_MAX);
  readonly #plane: DataPlane;
  readonly #authorisers = new Map<string, Authoriser>();
  /** Those that tick() is to look after. */
  readonly #active = new Set<Authoriser>();
  #heldBytes = 0;
  #lastId = 0;

  constructor(plane: DataPlane) {
    this.#plane = plane;
  }

  /** @hot */
  get isActive(): boolean {
    return this.#active.size > 0;
  }

  /** Equal plans share one, over snapshots: a reload that leaves a plan as it was forgets nothing. */
  authoriser(plan: ForwardPlan): Authoriser {
    const identity = JSON.stringify(plan);
    const authoriser = this.#authorisers.get(identity) ?? new Authoriser(++this.#lastId, plan, this.#plane);
    this.#authorisers.delete(identity);
    this.#authorisers.set(identity, authoriser);
    if (this.#authorisers.size > AUTHORISERS_MAX) {
      this.#authorisers.delete(this.#authorisers.keys().next().value as string);
    }
    return authoriser;
  }

  /** @returns what is remembered @hot */
  find(authoriser: Authoriser, key: string): Judgement | undefined {
    const nowMs = this.#nowMs();
    const full = `${authoriser.id} ${key}`;
    const known = this.good.get(full, nowMs) ?? this.bad.get(full, nowMs);
    if (known !== undefined) this.#plane.shm.control.add(this.#plane.worker, 'forwardRemembered', 1);
    return known;
  }

  /**
   * Ask, or wait for the answer that another waits for.
   * @param key  of those who ask the same; '': every request asks for itself
   * @returns WAIT: the answer lies in authoriser.answers when it is asked again; or an error's id with x.detail set
   */
  ask(x: Exchange, authoriser: Authoriser, key: string, upstream: LiveUpstream | undefined): Verdict {
    const { plan } = authoriser;
    const known = key === '' ? undefined : authoriser.underWay.get(key);
    if (known !== undefined) return this.#wait(x, known.parkKey, plan.timeoutMs);
    const request = askRequest(x, plan);
    if (authoriser.isFull() || this.#heldBytes + request.body.length > HELD_BYTES_MAX) {
      x.detail = 'too many requests wait for the authoriser';
      return errors.PARKING_FULL.id;
    }
    const parkKey = `forward ${++this.#lastId}`;
    const verdict = this.#wait(x, parkKey, plan.timeoutMs);
    if (verdict === errors.PARKING_FULL.id) return verdict;
    const call = new AuthoriserCall(parkKey, key === '' ? parkKey : key, {
      plane: this.#plane,
      request,
      x,
      upstream,
      dueMs: this.#plane.deadlines.nowMs + plan.timeoutMs,
      onDone: (done, said) => this.#settle(authoriser, done, said),
    });
    this.#heldBytes += call.bodyBytes;
    this.#active.add(authoriser);
    authoriser.add(call);
    return verdict;
  }

  /** The worker's tick: gives up what takes too long. */
  tick(nowMs: number): void {
    for (const authoriser of this.#active) if (!authoriser.tick(nowMs)) this.#active.delete(authoriser);
  }

  #wait(x: Exchange, parkKey: string, timeoutMs: number): Verdict {
    x.detail = '';
    return this.#plane.parking.park(x, parkKey, timeoutMs + GRACE_MS, errors.DECISION_TIMEOUT.id);
  }

  #settle(authoriser: Authoriser, call: AuthoriserCall, said: ForwardAnswer | Judgement): void {
    const judgement = { ...('verdict' in said ? said : readAnswer(said, authoriser.plan)), us: call.us };
    this.#heldBytes -= call.bodyBytes;
    this.#count(judgement);
    if (call.key !== call.parkKey) this.#remember(`${authoriser.id} ${call.key}`, judgement, authoriser.plan);
    authoriser.remove(call);
    authoriser.answers.set(call.parkKey, judgement);
    this.#plane.parking.wake(call.parkKey);
    authoriser.answers.delete(call.parkKey);
  }

  #remember(key: string, judgement: Judgement, { cache }: ForwardPlan): void {
    if (cache === undefined || judgement.verdict === errors.AUTH_UNAVAILABLE.id) return;
    const isGood = judgement.verdict === ADMIT;
    const ttlMs = Math.min(isGood ? cache.ttlMs : cache.negativeTtlMs, judgement.ttlMs);
    if (ttlMs > 0) (isGood ? this.good : this.bad).put(key, judgement, this.#nowMs() + ttlMs, bytesOf(judgement));
  }

  #count({ verdict, us }: Judgement): void {
    const { control } = this.#plane.shm;
    const { worker } = this.#plane;
    control.add(worker, counters[verdict as keyof typeof counters] ?? 'forwardFailed', 1);
    control.add(worker, 'forwardMs', Math.round(us / 1_000));
  }

  #nowMs(): number {
    return this.#plane.clock.nowUs() / 1_000;
  }
}

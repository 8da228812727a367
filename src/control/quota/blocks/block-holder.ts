// A holder's side of a quota: one instance, one quota, one key. A pure state machine, as lease-holder.ts: poll() every
// POLL_INTERVAL_US or so while the key is in use, and when a request finds nothing; answered() or failed() with the outcome; close()
// at the end.
//
// It keeps the demand of some seconds at hand, so that a busy key asks every few seconds; gives back what has lain unused; and
// asks again with the same words when there was no reply, so that no block is stranded by a slow network. Windows follow the
// instance's own clock: instances whose clocks differ count the calls around a window's end in different windows, each once.

import { type BlockReply, type BlockRequest, blockStatus } from './block-record.ts';
import type { CalendarWindow } from './calendar-window.ts';

export const blockTerms = {
  /** A block is the demand of so long, and asked for when less than half of that is left. */
  aheadMs: 4_000,
  /** What nobody has asked for in so long goes back. */
  idleMs: 10_000,
  /** Between two requests. */
  gapMs: 100,
  /** Until a used-up quota is asked for again: somebody may have given something back. */
  exhaustedMs: 1_000,
} as const;

/** Tokens at hand, which requests take one by one (in the gateway: a word of shared memory). */
export interface BlockBucket {
  /** Requests met, admitted or not. */
  readonly demandCount: number;
  readonly left: number;
  add(tokens: number): void;
  /** Take all that is left. */
  drain(): number;
}

export interface BlockContext {
  readonly holder: string;
  /** Of the last request of any key. */
  sequence: number;
}

export class BlockHolder {
  readonly #context: BlockContext;
  readonly #bucket: BlockBucket;
  readonly #limit: number;
  readonly window: CalendarWindow;
  #pending: BlockRequest | undefined;
  #isAsking = false;
  /** All that was granted in this window, less what was given back. */
  #total: number;
  #mustReport = false;
  #askedMs = Number.NEGATIVE_INFINITY;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #perSecond = 0;
  #count: number;
  #atMs: number;
  #usedMs: number;

  /**
   * One holder is of one window: another begins with the next.
   * @param total  what is known of it from before a restart, 0 for nothing; it counts as spent
   */
  constructor(
    context: BlockContext,
    bucket: BlockBucket,
    limit: number,
    window: CalendarWindow,
    total: number,
    nowMs: number,
  ) {
    this.#context = context;
    this.#bucket = bucket;
    this.#limit = limit;
    this.window = window;
    this.#total = total;
    this.#count = bucket.demandCount;
    this.#atMs = nowMs;
    this.#usedMs = nowMs;
  }

  /** To be kept on disk. */
  get total(): number {
    return this.#total;
  }

  /** "Nothing before T": a request that finds nothing before is refused at once. */
  get notBeforeMs(): number {
    return this.#notBeforeMs;
  }

  mayWait(nowMs: number): boolean {
    if (nowMs >= this.window.endMs) return false;
    return nowMs >= this.#notBeforeMs && (this.#isAsking || nowMs >= this.#askedMs + blockTerms.gapMs);
  }

  poll(nowMs: number, waitingCount: number): BlockRequest | undefined {
    this.#observe(nowMs);
    if (this.#isAsking || nowMs >= this.window.endMs || nowMs < this.#askedMs + blockTerms.gapMs) return undefined;
    if (this.#pending !== undefined) return this.#send(nowMs, this.#pending);
    if (this.#bucket.left > 0 && nowMs >= this.#usedMs + blockTerms.idleMs) return this.#giveBack(nowMs);
    const ahead = Math.ceil((this.#perSecond * blockTerms.aheadMs) / 1_000);
    const left = this.#bucket.left;
    const wanted = Math.max(waitingCount, ahead - left);
    const isLow = waitingCount > 0 || left < ahead / 2;
    if (isLow && nowMs >= this.#notBeforeMs) return this.#ask(nowMs, wanted, 0);
    return this.#mustReport ? this.#ask(nowMs, 0, 0) : undefined;
  }

  answered(nowMs: number, request: BlockRequest, reply: BlockReply): void {
    if (this.#pending !== request) return;
    this.#isAsking = false;
    this.#pending = undefined;
    if (reply.status === blockStatus.stale) return;
    this.#total += reply.granted;
    this.#bucket.add(reply.granted);
    if (reply.granted === 0 && request.wanted > 0) this.#notBeforeMs = nowMs + blockTerms.exhaustedMs;
  }

  /**
   * The store has lost its data (a reply said `recovering`, or the connection leads to another server): it is to hear within
   * REBUILD_US what this holder has.
   */
  reportSoon(): void {
    this.#mustReport = this.#total > 0;
  }

  /** There is no reply: it is asked again. */
  failed(request: BlockRequest): void {
    if (this.#pending === request) this.#isAsking = false;
  }

  /** Give back what there is. @returns undefined when there is nothing */
  close(nowMs: number): BlockRequest | undefined {
    if (nowMs >= this.window.endMs || this.#bucket.left === 0) return undefined;
    // What is under way may have been granted; it is counted, and stays so.
    this.#pending = undefined;
    return this.#giveBack(nowMs);
  }

  #giveBack(nowMs: number): BlockRequest {
    return this.#ask(nowMs, 0, this.#bucket.drain());
  }

  #ask(nowMs: number, wanted: number, returned: number): BlockRequest {
    this.#total -= returned;
    const { endMs } = this.window;
    return this.#send(nowMs, {
      limit: this.#limit,
      holder: this.#context.holder,
      sequence: ++this.#context.sequence,
      total: this.#total,
      returned,
      wanted,
      endMs: Number.isFinite(endMs) ? endMs : 0,
    });
  }

  #send(nowMs: number, request: BlockRequest): BlockRequest {
    this.#pending = request;
    this.#isAsking = true;
    this.#mustReport = false;
    this.#askedMs = nowMs;
    return request;
  }

  #observe(nowMs: number): void {
    const met = this.#bucket.demandCount - this.#count;
    if (met > 0) this.#usedMs = nowMs;
    const spanMs = nowMs - this.#atMs;
    if (spanMs < blockTerms.gapMs) return;
    this.#count = this.#bucket.demandCount;
    this.#atMs = nowMs;
    const weight = 1 - Math.exp(-spanMs / blockTerms.aheadMs);
    this.#perSecond += weight * ((met * 1_000) / spanMs - this.#perSecond);
  }
}

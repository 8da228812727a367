// A holder's side of leased shares: one instance, one limit, one key. A pure state machine: time, counts and replies go in,
// requests come out. Whoever drives it (the main thread, or a simulation) calls
//
//   poll(now, waiting)  every POLL_INTERVAL_US while the key is in use, and when a request finds nothing and may wait; sends what it
//                       returns, and nothing else
//   answered / failed   with the outcome of each request, once
//   close(now)          at the end; sends what it returns, and does not wait for the reply
//
// and gives the bucket's tokens to requests as they come (ShareBucket.take, or its like in shared memory).
//
// What the bound needs of it (lease-record.ts): until the reply to its newest request is there, it runs with no more than that
// request said; it gives up a lease a hundredth before the time it was given, counted from before it asked; it takes no reply
// but the newest request's; what it gives back, it has taken from its level before.

import { assert } from '../../../base/assert.ts';
import { DemandEstimate } from './demand-estimate.ts';
import { LEASE_US_MAX, type LeaseReply, type LeaseRequest, leaseStatus, leaseTerms, TOKEN } from './lease-terms.ts';

/** A reply that takes longer is given up: as long as a request may wait for a store. */
export const REPLY_US_MAX = 50_000;

/** The terms of a holder's own; found by simulation. */
export const holderTerms = {
  /** Between two reports of a lease: a share that is needed elsewhere comes free so late. */
  renewUs: 500_000,
  /** The same without anybody else. */
  renewAloneUs: 500_000,
  /** Until a share is asked for again that would be too small. */
  tooSmallUs: 2_000_000,
  /** Until a smaller share is acknowledged, so that others may have the rest. */
  acknowledgeUs: 100_000,
  /** Requests to the store: at most so many at once, and one every so often on average. */
  requestBurst: 5,
  requestUs: 75_000,
  /** Between two requests, when the first got less than it asked for, or was not urgent. */
  gapUs: 60_000,
  /** Tokens per second: from where on a key is leased, and below which it is given up. */
  leaseFrom: 6,
  leaseUntil: 3,
  /** A starving holder asks for the demand of so long. */
  blockUs: 60_000,
  /** Of a share's burst, what it keeps for itself while it asks for more. */
  keptPart: 0.25,
  /** It asks before it starves, when it has less than the demand of so long. */
  lowUs: 25_000,
  /** Tokens that were bought without a share count for so many round trips, within limits. */
  purchaseRoundTrips: 4,
  purchaseUsMin: 5_000,
  purchaseUsMax: REPLY_US_MAX,
} as const;

// Two clocks that differ by less than 1 % in pace count the same lease in the right order.
const LIFETIME_PART = 0.99;
const DEMAND_MAX = 2 ** 52;

/** What a holder does with the tokens of its key. */
export interface HolderBucket {
  readonly rate: number;
  readonly burst: number;
  untilUs: number;
  readonly demandCount: number;
  level(nowUs: number): number;
  resize(nowUs: number, rate: number, burst: number): number;
  add(nowUs: number, nanotokens: number): void;
}

/** What all holders of an instance share. */
export interface HolderContext {
  /** Letters and digits, random per run of the instance, at most 32. */
  readonly holder: string;
  /** Of the last request of any key: holders come and go, sequences only grow. */
  sequence: number;
  /** A usual round trip to the store, µs; the connection's owner keeps it up to date. */
  roundTripUs: number;
}

/** none: nothing was asked yet. recovering: the store gives nothing beyond what is held. failed: no reply, or too late. */
export type StoreOutcome = 'none' | 'answered' | 'recovering' | 'failed';

interface Flight {
  readonly request: LeaseRequest;
  readonly sentUs: number;
}

export class LeaseHolder {
  readonly #context: HolderContext;
  readonly #bucket: HolderBucket;
  readonly #demand: DemandEstimate;
  #limitRate: number;
  #limitBurst: number;
  #flight: Flight | undefined;
  #sentUs = Number.NEGATIVE_INFINITY;
  /** Of the last reply; ∞ without one. */
  #answeredUs = Number.POSITIVE_INFINITY;
  /** When all requests so far are paid for, at one per requestUs. */
  #paidUs = Number.NEGATIVE_INFINITY;
  #renewUs = Number.NEGATIVE_INFINITY;
  #notBeforeUs = Number.NEGATIVE_INFINITY;
  #isCrowded = false;
  /** That the last reply told of. */
  #holderCount = 0;
  /** It runs with a part that the store did not give. */
  #hasFallenBack = false;
  /** Demand has moved since the last request. */
  #hasMoved = false;
  #mustAcknowledge = false;
  #outcome: StoreOutcome = 'none';
  /** Nanotokens above a share that got smaller: they go back with the next request. */
  #surplus = 0;
  /** Nanotokens that the share may keep, when nothing is on its way. */
  #usualBurst = 0;

  /** @param limitRate, limitBurst  nanotokens per second, nanotokens */
  constructor(context: HolderContext, bucket: HolderBucket, limitRate: number, limitBurst: number, nowUs: number) {
    assert(Number.isInteger(limitRate) && limitRate > 0, 'a rate is whole nanotokens per second');
    assert(Number.isInteger(limitBurst) && limitBurst >= TOKEN, 'a burst is whole nanotokens, one token at least');
    this.#context = context;
    this.#bucket = bucket;
    this.#limitRate = limitRate;
    this.#limitBurst = limitBurst;
    this.#demand = new DemandEstimate(bucket.demandCount, nowUs);
  }

  /** "Nothing before T", in µs of this instance's clock: a request that finds nothing before is refused at once. */
  get notBeforeUs(): number {
    return this.#notBeforeUs;
  }

  get isAsking(): boolean {
    return this.#flight !== undefined;
  }

  /** How the store took the last request: whether a limit's way out of its loss is to be taken. */
  get outcome(): StoreOutcome {
    return this.#outcome;
  }

  isLeased(nowUs: number): boolean {
    return this.#bucket.rate > 0 && nowUs < this.#bucket.untilUs;
  }

  /** Whether a request that found nothing may wait for the store. */
  mayWait(nowUs: number): boolean {
    if (this.#isCrowded && this.isLeased(nowUs)) return false;
    if (this.#flight !== undefined && this.#flight.request.wanted > 0) return true;
    return nowUs >= this.#notBeforeUs && this.#mayAsk(nowUs);
  }

  /** Whether it is to be polled while nobody waits: it has a share to renew, a loss to tell, or demand for a share. */
  isBusy(nowUs: number): boolean {
    const isWaiting = this.#flight !== undefined || this.#mustAcknowledge;
    return isWaiting || this.isLeased(nowUs) || this.#demand.perSecond >= holderTerms.leaseFrom;
  }

  /** Whether nothing is lost when the holder is forgotten: its next request makes a new one. */
  isIdle(nowUs: number): boolean {
    return this.#flight === undefined && nowUs >= this.#bucket.untilUs && nowUs >= this.#notBeforeUs;
  }

  /** The limit has changed by a reload. */
  changeLimit(limitRate: number, limitBurst: number): void {
    this.#limitRate = limitRate;
    this.#limitBurst = limitBurst;
  }

  /** @param waitingCount  requests that found nothing and wait */
  poll(nowUs: number, waitingCount: number): LeaseRequest | undefined {
    if (this.#demand.update(this.#bucket.demandCount, nowUs)) this.#hasMoved = true;
    if (this.#flight !== undefined || !this.#mayAsk(nowUs)) return undefined;
    const demand = this.#demand.perSecond;
    if (this.isLeased(nowUs)) {
      if (!this.#isDue(nowUs, waitingCount)) return undefined;
      if (demand < holderTerms.leaseUntil && waitingCount === 0) return this.#giveUp(nowUs);
      return this.#ask(nowUs, waitingCount, true);
    }
    const wantsLease = demand >= holderTerms.leaseFrom;
    if (this.#mustAcknowledge && nowUs >= this.#renewUs) return this.#ask(nowUs, waitingCount, wantsLease);
    if (nowUs < this.#notBeforeUs) return undefined;
    // A share that was refused is asked for along with tokens only, or after a while.
    if (waitingCount === 0 && !(wantsLease && nowUs >= this.#renewUs)) return undefined;
    return this.#ask(nowUs, waitingCount, wantsLease);
  }

  /** @param request  the one that poll() returned */
  answered(nowUs: number, request: LeaseRequest, reply: LeaseReply): void {
    const flight = this.#flight;
    // Given up before: what it granted is not used.
    if (flight === undefined || flight.request !== request) return;
    const lifetimeUs = reply.rate > 0 ? LEASE_US_MAX : request.purchaseUs;
    const untilUs = flight.sentUs + Math.floor(lifetimeUs * LIFETIME_PART);
    if (reply.status === leaseStatus.stale || nowUs >= untilUs) {
      this.failed(nowUs, request);
      return;
    }
    this.#flight = undefined;
    this.#answeredUs = nowUs;
    this.#hasFallenBack = false;
    this.#outcome = reply.status === leaseStatus.recovering ? 'recovering' : 'answered';
    const bucket = this.#bucket;
    // What expired meanwhile is gone before the new lease begins.
    bucket.level(nowUs);
    const rateBefore = bucket.rate;
    bucket.untilUs = untilUs;
    this.#surplus += bucket.resize(nowUs, reply.rate, reply.burst);
    bucket.add(nowUs, reply.moved);
    this.#usualBurst = reply.burst;
    this.#isCrowded = reply.crowdingPercent >= leaseTerms.crowdedFrom * 100;
    this.#schedule(nowUs, request, reply, rateBefore);
  }

  /** There is no reply, and there will be none that counts. The share is what it was, until it expires. */
  failed(nowUs: number, request: LeaseRequest): void {
    if (this.#flight?.request !== request) return;
    this.#flight = undefined;
    this.#outcome = 'failed';
    this.#notBeforeUs = nowUs + REPLY_US_MAX;
    this.#renewUs = nowUs + holderTerms.acknowledgeUs;
  }

  /**
   * The store is away and the limit is not to close: run with the instance's part of it, from an empty bucket, as long as this
   * is called every second. The store hears of it when it is back. With k of n instances cut off, the limit then holds times
   * 1 + k ÷ n.
   * @param instanceCount  that were last seen to share limits
   * @param storeSeenUs  when the store has answered for a key like this: what counts for a key that it has not answered for
   * @returns whether it does: not before every lease of others has expired
   */
  fallBack(nowUs: number, instanceCount: number, storeSeenUs = Number.POSITIVE_INFINITY): boolean {
    const seenUs = this.#answeredUs === Number.POSITIVE_INFINITY ? storeSeenUs : this.#answeredUs;
    if (this.#outcome !== 'failed' || nowUs < seenUs + LEASE_US_MAX) return false;
    const bucket = this.#bucket;
    if (!this.isLeased(nowUs)) {
      const burst = Math.max(TOKEN, Math.floor(this.#limitBurst / instanceCount));
      bucket.resize(nowUs, Math.floor(this.#limitRate / instanceCount), burst);
      this.#usualBurst = burst;
    }
    bucket.untilUs = nowUs + LEASE_US_MAX;
    this.#hasFallenBack = true;
    return true;
  }

  /** Give back what there is. @returns undefined when there is nothing */
  close(nowUs: number): LeaseRequest | undefined {
    this.#flight = undefined;
    if (nowUs >= this.#bucket.untilUs) return undefined;
    return this.#giveUp(nowUs);
  }

  #mayAsk(nowUs: number): boolean {
    return this.#paidUs - nowUs <= (holderTerms.requestBurst - 1) * holderTerms.requestUs;
  }

  #isDue(nowUs: number, waitingCount: number): boolean {
    if (nowUs >= this.#renewUs) return true;
    if (this.#hasMoved && nowUs >= this.#sentUs + holderTerms.gapUs) return true;
    if (this.#isCrowded || nowUs < this.#notBeforeUs) return false;
    if (waitingCount > 0) return true;
    const low = Math.min(this.#usualBurst / 2, this.#demand.of(holderTerms.lowUs));
    return nowUs >= this.#sentUs + holderTerms.gapUs && this.#bucket.level(nowUs) < low;
  }

  #ask(nowUs: number, waitingCount: number, isLease: boolean): LeaseRequest {
    const bucket = this.#bucket;
    const demand = Math.min(DEMAND_MAX, Math.ceil(this.#demand.perSecond * TOKEN));
    const isLeased = this.isLeased(nowUs);
    let rate = isLeased ? bucket.rate : 0;
    let burst = isLeased ? Math.max(this.#usualBurst, TOKEN) : 0;
    // What falling demand does not need is given up before the store hears of it, and free at once.
    const needed = Math.floor(demand * leaseTerms.headroom);
    if (needed < rate * leaseTerms.shrinkFrom && !this.#hasFallenBack) {
      rate = needed;
      burst = Math.min(burst, this.#usualBurstOf(rate));
    }
    // Tokens without a share go back: the answer brings them anew, for as long as it counts.
    const level = isLeased ? bucket.level(nowUs) : 0;
    const block = this.#demand.of(isLease ? holderTerms.blockUs : this.#purchaseUs() / 2);
    // Tokens that nobody waits for would expire with a purchase; a share brings its own.
    const needs = waitingCount > 0 || isLeased ? Math.max(waitingCount * TOKEN, Math.ceil(block / TOKEN) * TOKEN) : 0;
    const wanted = Math.max(0, needs - level);
    // The room for what was asked for stays free until the reply is there; but for some, so that the share can still be used
    // when there is none.
    const least = Math.max(level, Math.max(TOKEN, burst * holderTerms.keptPart));
    const held = Math.min(Math.max(burst - wanted, Math.floor(Math.min(least, burst))), bucket.burst);
    const spareBurst = isLeased ? Math.max(0, Math.min(burst, bucket.burst) - held) : 0;
    return this.#send(nowUs, rate, held, { spareBurst, demand, wanted, isLease });
  }

  #giveUp(nowUs: number): LeaseRequest {
    return this.#send(nowUs, 0, 0, { spareBurst: 0, demand: 0, wanted: 0, isLease: false });
  }

  #send(
    nowUs: number,
    heldRate: number,
    heldBurst: number,
    wish: Pick<LeaseRequest, 'spareBurst' | 'demand' | 'wanted' | 'isLease'>,
  ): LeaseRequest {
    const isValid = nowUs < this.#bucket.untilUs;
    const above = this.#bucket.resize(nowUs, heldRate, heldBurst);
    const returned = isValid ? above + this.#surplus : 0;
    this.#surplus = 0;
    const request: LeaseRequest = {
      limitRate: this.#limitRate,
      limitBurst: this.#limitBurst,
      holder: this.#context.holder,
      sequence: ++this.#context.sequence,
      heldRate,
      heldBurst,
      returned,
      ...wish,
      purchaseUs: this.#purchaseUs(),
    };
    this.#flight = { request, sentUs: nowUs };
    this.#sentUs = nowUs;
    this.#hasMoved = false;
    this.#paidUs = Math.max(this.#paidUs, nowUs) + holderTerms.requestUs;
    return request;
  }

  #schedule(nowUs: number, request: LeaseRequest, reply: LeaseReply, rateBefore: number): void {
    this.#renewUs = nowUs + this.#renewalUs(request, reply);
    // Until it says so, the store counts the share that it had.
    this.#mustAcknowledge = reply.rate === 0 && request.heldRate > 0;
    if (reply.rate < rateBefore * leaseTerms.shrinkFrom) this.#renewUs = nowUs + holderTerms.acknowledgeUs;
    // What was not enough is not asked for again at once, even if the next token is near: a flood costs no more than this.
    const gapUs = reply.moved < request.wanted ? holderTerms.gapUs : 0;
    this.#notBeforeUs = nowUs + Math.max(reply.waitUs, gapUs);
  }

  #renewalUs(request: LeaseRequest, reply: LeaseReply): number {
    const isSettled = reply.holderCount === this.#holderCount;
    this.#holderCount = reply.holderCount;
    // Who came before its neighbours has what will be theirs.
    if (reply.rate > 0 && !isSettled) return holderTerms.acknowledgeUs;
    if (reply.rate > 0) return reply.holderCount > 1 ? holderTerms.renewUs : holderTerms.renewAloneUs;
    // Refused a share: because it would be too small, or because others have to make room first.
    const fair = (request.demand * 100) / Math.max(100, reply.crowdingPercent);
    return fair < leaseTerms.rateMin ? holderTerms.tooSmallUs : holderTerms.acknowledgeUs;
  }

  #usualBurstOf(rate: number): number {
    return Math.max(TOKEN, Math.floor(((this.#limitBurst * leaseTerms.burstPart) / this.#limitRate) * rate));
  }

  /** For how long tokens that are bought without a share count. */
  #purchaseUs(): number {
    const usual = Math.ceil(this.#context.roundTripUs * holderTerms.purchaseRoundTrips);
    return Math.min(holderTerms.purchaseUsMax, Math.max(holderTerms.purchaseUsMin, usual));
  }
}

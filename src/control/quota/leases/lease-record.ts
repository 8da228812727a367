// The store's side of leased shares, as a pure function: what lease-script.ts does inside Redis, step by step, in the same order
// and with the same arithmetic, so that a test can prove them equal and a simulation can run without a Redis.
//
// THE BOUND. Let L be the central bucket's level, lᵢ a holder's level, mᵢ tokens on their way to it, rᵢ and bᵢ what the record
// counts for it, r_c = r − Σ rᵢ and b_c = b − Σ bᵢ. At every moment:
//   1. tokens accrue at r_c + Σ rᵢ ≤ r: a holder accrues at what it was last told, from when it was told, and the record counts
//      the larger of what the holder may still run with and what it was given, until the holder says otherwise or must have
//      given up (its time runs from before it asked, the record's from the answer);
//   2. all tokens Φ = L + Σ (lᵢ + mᵢ) ≤ b: L ≤ b_c, and lᵢ + mᵢ ≤ bᵢ, since a holder that asks keeps the room free until
//      the reply is there;
//   3. tokens are moved, never made: Φ grows by accrual only.
// A window of length t admits what accrues in it and what Φ falls by: at most r·t + b, whatever is lost, late or repeated.

import type { StoreMarker } from '../store-marker.ts';
import {
  LEASE_US_MAX,
  type LeaseReply,
  type LeaseRequest,
  leaseStatus,
  TOKEN,
  leaseTerms as terms,
} from './lease-terms.ts';

const US_PER_SECOND = 1e6;
const CROWDING_PERCENT_MAX = 10_000;

/** What the record counts for a holder. */
export interface CountedLease {
  readonly holder: string;
  sequence: number;
  rate: number;
  burst: number;
  /** Rate and burst count until then. */
  untilUs: number;
  demand: number;
  /** The demand is remembered until then, whether it got a share or not. */
  demandUntilUs: number;
}

export interface LeaseRecord {
  /** The marker's, at the time of writing: a record of another life of the store says nothing. */
  bornUs: number;
  level: number;
  /** The level is of this time; it may lie ahead, and then nothing accrues before. */
  atUs: number;
  leases: CountedLease[];
}

export interface LeaseAnswer {
  readonly reply: LeaseReply;
  readonly record: LeaseRecord | undefined;
}

/**
 * Answer one request.
 * @param stored  undefined when there is none; it stays as it is
 * @returns the reply, and the record to store, which is `stored` itself when nothing is to be stored
 */
export function answerLease(
  stored: LeaseRecord | undefined,
  marker: StoreMarker,
  request: LeaseRequest,
  nowUs: number,
): LeaseAnswer {
  const openUs = marker.bornUs + LEASE_US_MAX;
  const record: LeaseRecord =
    stored !== undefined && stored.bornUs === marker.bornUs
      ? { ...stored, leases: stored.leases.map((lease) => ({ ...lease })) }
      : { bornUs: marker.bornUs, level: 0, atUs: openUs, leases: [] };
  accrue(record, request, nowUs);
  const known = record.leases.find((lease) => lease.holder === request.holder);
  if (known !== undefined && request.sequence <= known.sequence) {
    return { reply: nothing(leaseStatus.stale, 0), record: stored };
  }
  if (known === undefined && record.leases.length >= terms.holderCountMax) {
    return { reply: nothing(leaseStatus.granted, LEASE_US_MAX), record: stored };
  }
  return { reply: grant(record, request, known, nowUs, openUs), record };
}

function nothing(status: LeaseReply['status'], waitUs: number): LeaseReply {
  return { status, rate: 0, burst: 0, moved: 0, waitUs, crowdingPercent: 0, holderCount: 0 };
}

/** Bring the level to now. What expired on the way gave its rate and its room back when it expired, one after the other. */
function accrue(record: LeaseRecord, request: LeaseRequest, nowUs: number): void {
  // The clock went back: no lease lasts longer, and nothing accrues twice.
  if (record.atUs > nowUs + LEASE_US_MAX) record.atUs = nowUs;
  const latestUs = nowUs + LEASE_US_MAX;
  for (const lease of record.leases) {
    lease.untilUs = Math.min(lease.untilUs, latestUs);
    lease.demandUntilUs = Math.min(lease.demandUntilUs, latestUs);
  }
  const expired = record.leases.filter((lease) => lease.untilUs <= nowUs);
  expired.sort((a, b) => a.untilUs - b.untilUs);
  let rate = request.limitRate - sumOfRates(record.leases);
  let burst = request.limitBurst - sumOfBursts(record.leases);
  for (const lease of expired) {
    accrueTo(record, rate, burst, lease.untilUs);
    rate += lease.rate;
    burst += lease.burst;
    lease.rate = 0;
    lease.burst = 0;
  }
  accrueTo(record, rate, burst, nowUs);
  record.leases = record.leases.filter((lease) => lease.untilUs > nowUs || lease.demandUntilUs > nowUs);
}

function accrueTo(record: LeaseRecord, rate: number, burst: number, toUs: number): void {
  if (toUs > record.atUs) {
    if (rate > 0) record.level += Math.floor(((rate * (toUs - record.atUs)) / US_PER_SECOND) * terms.pace);
    record.atUs = toUs;
  }
  record.level = Math.min(record.level, Math.max(0, burst));
}

function grant(
  record: LeaseRecord,
  request: LeaseRequest,
  known: CountedLease | undefined,
  nowUs: number,
  openUs: number,
): LeaseReply {
  const { limitRate, limitBurst, heldRate, heldBurst } = request;
  const others = record.leases.filter((lease) => lease !== known);
  const isRecovering = nowUs < openUs;
  // A holder knows best what it holds, even if the record does not say so (any more).
  const roomRate = Math.max(0, limitRate - sumOfRates(others));
  const roomBurst = Math.max(0, limitBurst - sumOfBursts(others));
  const demands = new Demands(request, others);
  if (!isRecovering) record.level += request.returned;

  const isWorthLease = request.isLease && demands.fair >= terms.rateMin;
  let rate = isRecovering ? heldRate : 0;
  if (!isRecovering && isWorthLease && roomBurst >= TOKEN) rate = demands.share(heldRate, roomRate);
  // What its level may reach with the rate, and what it may have without one.
  let target = heldBurst + request.spareBurst;
  let limit = 0;
  if (!isRecovering && rate > 0) {
    target = Math.min(roomBurst, Math.max(TOKEN, Math.floor(((limitBurst * terms.burstPart) / limitRate) * rate)));
    limit = target;
  } else if (!isRecovering) {
    target = 0;
    limit = Math.min(roomBurst, Math.max(TOKEN, Math.floor(limitBurst * terms.purchasePart)));
  }
  let moved = Math.max(0, Math.min(request.wanted, record.level, limit - heldBurst));
  // Without a rate, a part of a token is of no use to anybody.
  if (rate === 0) moved = Math.floor(moved / TOKEN) * TOKEN;
  const burst = Math.max(heldBurst + moved, target);
  const central = Math.max(0, roomBurst - burst);
  // Tokens that the central bucket has no room for any more move with the room.
  moved += Math.max(0, Math.min(record.level - moved - central, burst - heldBurst - moved));
  record.level = Math.min(record.level - moved, central);

  const counted = Math.max(heldRate, rate);
  record.leases = others;
  // Who got nothing is remembered too: the others make room for it, or get no larger a share than it has.
  if (counted > 0 || burst > 0 || request.demand > 0) {
    const { holder, sequence, demand, purchaseUs } = request;
    const isShare = counted > 0 || heldBurst > 0;
    const untilUs = nowUs + (isShare ? LEASE_US_MAX : Math.min(purchaseUs, LEASE_US_MAX));
    const demandUntilUs = demand > 0 ? nowUs + LEASE_US_MAX : untilUs;
    record.leases.push({ holder, sequence, rate: counted, burst, untilUs, demand, demandUntilUs });
  }
  return {
    status: isRecovering ? leaseStatus.recovering : leaseStatus.granted,
    rate,
    burst: rate > 0 ? target : burst,
    moved,
    waitUs: isRecovering ? openUs - nowUs : waitFor(record, roomRate - counted, central, nowUs),
    crowdingPercent: Math.min(CROWDING_PERCENT_MAX, Math.floor((demands.all / limitRate) * 100)),
    holderCount: others.length,
  };
}

/** Who demands how much of the rate, and what is fair. */
class Demands {
  readonly all: number;
  /** What the asker's demand entitles it to, nanotokens per second. */
  readonly fair: number;
  readonly #others: readonly CountedLease[];
  readonly #reserve: number;
  readonly #limitRate: number;

  constructor({ limitRate, demand }: LeaseRequest, others: readonly CountedLease[]) {
    let all = demand;
    for (const lease of others) all += lease.demand;
    this.all = all;
    const isCalm = others.length > 0 && all < limitRate * terms.crowdedFrom;
    this.#others = others;
    this.#limitRate = limitRate;
    this.#reserve = Math.floor(limitRate * (isCalm ? terms.calmReserve : terms.reserve));
    this.fair = this.#fairTo(demand);
  }

  /** @returns the rate that the asker gets, 0 for none */
  share(heldRate: number, roomRate: number): number {
    let share = this.fair;
    if (share < heldRate && share >= heldRate * terms.shrinkFrom && !this.#isAnyoneShort()) share = heldRate;
    share = Math.min(share, Math.max(0, roomRate - this.#reserve));
    return share >= terms.rateMin ? share : 0;
  }

  #fairTo(demand: number): number {
    if (demand <= 0) return 0;
    const fair = Math.floor((this.#limitRate - this.#reserve) * (demand / this.all));
    return Math.min(fair, Math.floor(demand * terms.headroom));
  }

  #isAnyoneShort(): boolean {
    return this.#others.some(({ rate, demand }) => rate < this.#fairTo(demand) * terms.shrinkFrom);
  }
}

/** @returns µs until the central bucket has a token, if nobody reports before */
function waitFor(record: LeaseRecord, rate: number, room: number, nowUs: number): number {
  if (record.level >= TOKEN) return 0;
  let pauseUs = 0;
  let mostUs: number = terms.waitUsMax;
  // Nothing accrues for want of room or rate, until somebody reports or somebody's tokens expire.
  if (room < TOKEN || rate <= 0) pauseUs = terms.pauseUsMax;
  for (const { burst, untilUs } of record.leases) {
    if (burst <= 0) continue;
    pauseUs = Math.min(pauseUs, untilUs - nowUs);
    // They may give something back.
    mostUs = LEASE_US_MAX;
  }
  if (rate <= 0) return pauseUs;
  return Math.min(mostUs, pauseUs + Math.ceil(((TOKEN - record.level) / rate) * US_PER_SECOND));
}

function sumOfRates(leases: readonly CountedLease[]): number {
  let sum = 0;
  for (const lease of leases) sum += lease.rate;
  return sum;
}

function sumOfBursts(leases: readonly CountedLease[]): number {
  let sum = 0;
  for (const lease of leases) sum += lease.burst;
  return sum;
}

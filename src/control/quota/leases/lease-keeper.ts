// All leases of one instance: holders over one connection, on the main thread. Whoever has the buckets (the gateway's shared
// memory, or a test) opens a key when a request first finds nothing, tells when one starves, and hears when tokens have come.
//
// Everything that a turn of the loop asks goes out as one write. Nothing here waits: a store that is away answers `failed` at once,
// one that is slow after COMMAND_TIMEOUT_MS.

import { assert } from '../../../base/assert.ts';
import type { Clock } from '../../../base/clock.ts';
import type { RedisConnection } from '../../redis/redis-connection.ts';
import { askStore, type LeaseKeys, leaseKeys } from './ask-store.ts';
import { type HolderBucket, type HolderContext, LeaseHolder, type StoreOutcome } from './lease-holder.ts';
import type { LeaseRequest } from './lease-terms.ts';

// A round trip on a local network; the average moves by an eighth with each reply.
const ROUND_TRIP_US_FIRST = 2_000;
const ROUND_TRIP_WEIGHT = 1 / 8;

// A holder takes a kilobyte. Keys without a share are forgotten within a second of their last question, so that so many can be
// new in a second; more are refused. The table of their shares has four times as many slots (shm/lease-table.ts).
export const KEPT_KEY_COUNT_MAX = 16_384;
// Of the keys without a share, a fortieth is looked at per tick of 25 ms: each once a second.
const SWEEP_TICKS = 40;
// The instances that were seen within the last one to two of these.
const COUNT_WINDOW_US = 60_000_000;

export interface KeeperSettings {
  /** Of everything that this deployment stores. */
  readonly prefix: string;
  /** Letters and digits, random per run of the instance, at most 32. */
  readonly holder: string;
  /** Called when a request of a key was answered or failed: who waits may try again, or is to be refused. */
  readonly onOutcome: (key: KeptKey, outcome: StoreOutcome) => void;
  /** Whether a key is to be kept though nobody asks for it. */
  readonly isHeld?: (key: KeptKey) => boolean;
  /** A key is in use no more: its bucket may be another's. */
  readonly onForget?: (key: KeptKey) => void;
}

/** One limit and key in use. */
export interface KeptKey {
  readonly holder: LeaseHolder;
  readonly bucket: HolderBucket;
  readonly keys: LeaseKeys;
  /** Requests that wait for the next outcome; who parks them counts them here. */
  waitingCount: number;
}

export class LeaseKeeper {
  readonly #connection: RedisConnection;
  readonly #clock: Clock;
  readonly #settings: KeeperSettings;
  readonly #context: HolderContext;
  readonly #kept = new Map<string, KeptKey>();
  /** Those that are polled with every tick. */
  readonly #busy = new Set<KeptKey>();
  /** A pass over all keys, and how much of it each tick does. */
  #sweep: Iterator<[string, KeptKey]> | undefined;
  #sweepTicks = 0;
  #sweepCount = 0;
  #commandCount = 0;
  #failureCount = 0;
  readonly #startUs: number;
  /** By marker: when the store has last answered for a key under it, or has first not. At most one for each marker. */
  readonly #seenUs = new Map<string, number>();
  #countSinceUs = 0;
  #instanceCount = 1;
  #instanceCountBefore = 1;

  constructor(connection: RedisConnection, clock: Clock, settings: KeeperSettings) {
    assert(/^[A-Za-z0-9]{1,32}$/.test(settings.holder), "a holder's name is 1 to 32 letters and digits");
    this.#connection = connection;
    this.#clock = clock;
    this.#settings = settings;
    this.#context = { holder: settings.holder, sequence: 0, roundTripUs: ROUND_TRIP_US_FIRST };
    this.#startUs = clock.nowUs();
  }

  /**
   * When the store has last answered for a key like this, or when this began: without a cluster for any key; with one for a key of the
   * same bucket, since the others may be with masters that answer.
   */
  seenUs({ keys }: KeptKey): number {
    return this.#seenUs.get(keys.marker) ?? this.#startUs;
  }

  /** The most that were lately seen to share a key, this one included. */
  get instanceCount(): number {
    return Math.max(this.#instanceCount, this.#instanceCountBefore);
  }

  get keyCount(): number {
    return this.#kept.size;
  }

  get commandCount(): number {
    return this.#commandCount;
  }

  /** Of the commands, those without a reply that counts. */
  get failureCount(): number {
    return this.#failureCount;
  }

  /** µs, averaged. */
  get roundTripUs(): number {
    return this.#context.roundTripUs;
  }

  /**
   * Find or begin a key's lease.
   * @param limit  the limit's identity, in hexadecimal
   * @param limitRate, limitBurst  nanotokens per second, nanotokens
   * @returns undefined when too many keys are in use: the request is refused
   */
  open(
    limit: string,
    key: string,
    limitRate: number,
    limitBurst: number,
    makeBucket: () => HolderBucket,
  ): KeptKey | undefined {
    const name = `${limit}:${key}`;
    let kept = this.#kept.get(name);
    if (kept === undefined && this.#kept.size < KEPT_KEY_COUNT_MAX) {
      const bucket = makeBucket();
      const holder = new LeaseHolder(this.#context, bucket, limitRate, limitBurst, this.#clock.nowUs());
      const keys = leaseKeys(this.#settings.prefix, limit, key, this.#connection.isCluster);
      kept = { holder, bucket, keys, waitingCount: 0 };
      this.#kept.set(name, kept);
    }
    return kept;
  }

  /** A request of this key waits. */
  starve(kept: KeptKey): void {
    this.#poll(kept);
  }

  /** Every POLL_INTERVAL_US: polls the keys that have shares, and looks at some of the others. */
  tick(): void {
    const nowUs = this.#clock.nowUs();
    for (const kept of this.#busy) {
      this.#poll(kept);
      if (!kept.holder.isBusy(nowUs)) this.#busy.delete(kept);
    }
    if (this.#sweep === undefined) {
      this.#sweep = this.#kept.entries();
      this.#sweepTicks = SWEEP_TICKS;
      this.#sweepCount = Math.ceil(this.#kept.size / SWEEP_TICKS);
    }
    for (let count = 0; count < this.#sweepCount; count++) {
      const next = this.#sweep.next();
      if (next.done === true) break;
      const [name, kept] = next.value;
      if (kept.waitingCount > 0 || !kept.holder.isIdle(nowUs) || this.#busy.has(kept)) continue;
      if (this.#settings.isHeld?.(kept) === true) continue;
      this.#kept.delete(name);
      this.#settings.onForget?.(kept);
    }
    if (--this.#sweepTicks <= 0) this.#sweep = undefined;
  }

  /** Give everything back. Resolves when the store has heard of it, or cannot. */
  async close(): Promise<void> {
    const returns: Promise<unknown>[] = [];
    for (const { holder, keys } of this.#kept.values()) {
      const request = holder.close(this.#clock.nowUs());
      if (request !== undefined) returns.push(this.#ask(keys, request));
    }
    this.#kept.clear();
    this.#busy.clear();
    await Promise.all(returns);
  }

  #poll(kept: KeptKey): void {
    const request = kept.holder.poll(this.#clock.nowUs(), kept.waitingCount);
    if (request === undefined) return;
    this.#busy.add(kept);
    void this.#exchange(kept, request);
  }

  async #exchange(kept: KeptKey, request: LeaseRequest): Promise<void> {
    const sentUs = this.#clock.nowUs();
    const reply = await this.#ask(kept.keys, request);
    const nowUs = this.#clock.nowUs();
    if (reply.ok) {
      this.#context.roundTripUs += (nowUs - sentUs - this.#context.roundTripUs) * ROUND_TRIP_WEIGHT;
      this.#seenUs.set(kept.keys.marker, nowUs);
      this.#noteInstances(nowUs, reply.value.holderCount);
      kept.holder.answered(nowUs, request, reply.value);
    } else {
      this.#failureCount++;
      if (this.#connection.isCluster && !this.#seenUs.has(kept.keys.marker)) this.#seenUs.set(kept.keys.marker, nowUs);
      kept.holder.failed(nowUs, request);
    }
    this.#settings.onOutcome(kept, kept.holder.outcome);
  }

  #noteInstances(nowUs: number, count: number): void {
    if (nowUs - this.#countSinceUs > COUNT_WINDOW_US) {
      this.#instanceCountBefore = this.#instanceCount;
      this.#instanceCount = 1;
      this.#countSinceUs = nowUs;
    }
    this.#instanceCount = Math.max(this.#instanceCount, count);
  }

  #ask(keys: LeaseKeys, request: LeaseRequest) {
    this.#commandCount++;
    return askStore(this.#connection, keys, request);
  }
}

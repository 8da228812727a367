// Where requests come that found nothing in their share: the main thread's side of limits over instances. It has a place in
// shared memory made for a key, leases for it, and lets those know who wait.

import { createHash } from 'node:crypto';
import type { Clock } from '../../../base/clock.ts';
import type { WorkerIndex } from '../../../base/ids.ts';
import type { ClusterLimitDefinition } from '../../../gateway/limiter/cluster-limit.ts';
import { type LeaseAnswer, type LeaseQuestion, LeaseVerdict } from '../../../gateway/worker-messages.ts';
import { LeaseLoss, type LeaseTable, NO_LEASE } from '../../../shm/lease-table.ts';
import type { RedisConnection } from '../../redis/redis-connection.ts';
import { POLL_INTERVAL_US } from './demand-estimate.ts';
import type { StoreOutcome } from './lease-holder.ts';
import { type KeptKey, LeaseKeeper } from './lease-keeper.ts';
import { TOKEN } from './lease-terms.ts';
import { SharedBucket } from './shared-bucket.ts';

// Of the key's value, which may be a secret, and which others choose: 120 bits.
const DIGEST_CHARS = 20;
// A share without a store is good for 3 s, and renewed every second; that of a key that nobody asks for is let go after a minute, so
// that a long loss does not fill the table with keys of long ago.
const FALL_BACK_TICKS = 40;
const FALL_BACK_ROUNDS_MAX = 60;

export interface LeaseDeskOptions {
  readonly connection: RedisConnection;
  readonly table: LeaseTable;
  readonly clock: Clock;
  readonly prefix: string;
  /** Letters and digits, random per run of the instance, at most 32. */
  readonly holder: string;
  answer(worker: WorkerIndex, answer: LeaseAnswer): void;
}

interface DeskKey {
  readonly low: number;
  readonly high: number;
  readonly limit: string;
  readonly kept: KeptKey;
  readonly bucket: SharedBucket;
  /** Workers with requests that wait. */
  readonly askers: Set<WorkerIndex>;
  /** Requests met when they were last looked at, and looks since there were more. */
  demandCount: number;
  idleRounds: number;
}

export class LeaseDesk {
  readonly keeper: LeaseKeeper;
  readonly #options: LeaseDeskOptions;
  #limits = new Map<string, ClusterLimitDefinition>();
  readonly #byHash = new Map<string, DeskKey>();
  readonly #byKept = new Map<KeptKey, DeskKey>();
  /** With tokens that were spent on credit. */
  readonly #owing = new Set<DeskKey>();
  #ticks = 0;
  #noRoomCount = 0;

  constructor(options: LeaseDeskOptions) {
    this.#options = options;
    this.keeper = new LeaseKeeper(options.connection, options.clock, {
      prefix: options.prefix,
      holder: options.holder,
      onOutcome: (kept, outcome) => this.#onOutcome(kept, outcome),
      isHeld: (kept) => (this.#byKept.get(kept)?.bucket.owed ?? 0) > 0,
      onForget: (kept) => this.#forget(kept),
    });
  }

  /** Requests that were refused because too many keys were in use. */
  get noRoomCount(): number {
    return this.#noRoomCount;
  }

  /** What a published configuration says; keys in use go on with it. */
  useLimits(limits: readonly ClusterLimitDefinition[]): void {
    this.#limits = new Map(limits.map((limit) => [limitName(limit.idLow, limit.idHigh), limit]));
    for (const { limit: name, kept, bucket } of this.#byHash.values()) {
      const limit = this.#limits.get(name);
      if (limit === undefined) continue;
      kept.holder.changeLimit(limitRate(limit), limitBurst(limit));
      bucket.changeLimit(limitRate(limit), limitBurst(limit));
      this.#options.table.setCreditMax(bucket.slot, limit.relaxed);
    }
  }

  ask(worker: WorkerIndex, [idLow, idHigh, low, high, value]: LeaseQuestion): void {
    const answer = (verdict: LeaseVerdict): void => this.#options.answer(worker, [low, high, verdict]);
    const name = limitName(idLow, idHigh);
    const limit = this.#limits.get(name);
    if (limit === undefined) return answer(LeaseVerdict.NO_LIMIT);
    const known = this.#byHash.get(keyName(low, high));
    const key = known ?? this.#open(name, limit, low, high, value);
    if (key === undefined) {
      this.#noRoomCount++;
      return answer(LeaseVerdict.NO_ROOM);
    }
    // It need not wait: it finds credit now, and asks once more then.
    if (known === undefined && limit.relaxed > 0) return answer(LeaseVerdict.AGAIN);
    const nowUs = this.#options.clock.nowUs();
    if (key.bucket.owed > 0) this.#owing.add(key);
    // News was on its way when it asked.
    if (key.bucket.level(nowUs) >= TOKEN) return answer(LeaseVerdict.AGAIN);
    if (!key.kept.holder.mayWait(nowUs)) {
      this.#announce(key, nowUs);
      return answer(LeaseVerdict.AGAIN);
    }
    key.kept.waitingCount++;
    key.askers.add(worker);
    this.keeper.starve(key.kept);
  }

  /** Every POLL_INTERVAL_US. */
  tick(): void {
    this.keeper.tick();
    const nowUs = this.#options.clock.nowUs();
    const isWhole = ++this.#ticks % FALL_BACK_TICKS === 0;
    for (const key of this.#owing) this.#payBack(key, nowUs, isWhole);
    if (!isWhole) return;
    for (const key of this.#byHash.values()) {
      const { demandCount } = key.bucket;
      key.idleRounds = demandCount === key.demandCount ? key.idleRounds + 1 : 0;
      key.demandCount = demandCount;
      this.#fallBack(key, nowUs);
    }
  }

  /** Give everything back. Resolves when the store has heard of it, or cannot. */
  async close(): Promise<void> {
    await this.keeper.close();
    this.#byHash.clear();
    this.#byKept.clear();
  }

  #open(name: string, limit: ClusterLimitDefinition, low: number, high: number, value: string): DeskKey | undefined {
    const { table, clock } = this.#options;
    const slot = table.place(low, high);
    if (slot === NO_LEASE) return undefined;
    const bucket = new SharedBucket(table, slot, clock, limitRate(limit), limitBurst(limit));
    const digest = createHash('sha256').update(value).digest('base64url').slice(0, DIGEST_CHARS);
    const kept = this.keeper.open(name, digest, limitRate(limit), limitBurst(limit), () => bucket);
    if (kept === undefined) {
      table.free(slot);
      return undefined;
    }
    // The first request found no place to be counted at.
    table.countDemand(slot);
    table.setCreditMax(slot, limit.relaxed);
    const key: DeskKey = { low, high, limit: name, kept, bucket, askers: new Set(), demandCount: 0, idleRounds: 0 };
    this.#byHash.set(keyName(low, high), key);
    this.#byKept.set(kept, key);
    return key;
  }

  #forget(kept: KeptKey): void {
    const key = this.#byKept.get(kept);
    if (key === undefined) return;
    this.#byKept.delete(kept);
    this.#byHash.delete(keyName(key.low, key.high));
    this.#owing.delete(key);
    this.#options.table.free(key.bucket.slot);
  }

  #onOutcome(kept: KeptKey, outcome: StoreOutcome): void {
    const key = this.#byKept.get(kept);
    if (key === undefined) return;
    const nowUs = this.#options.clock.nowUs();
    if (outcome === 'failed') this.#fallBack(key, nowUs);
    this.#announce(key, nowUs);
    kept.waitingCount = 0;
    const askers = [...key.askers];
    key.askers.clear();
    for (const worker of askers) this.#options.answer(worker, [key.low, key.high, LeaseVerdict.AGAIN]);
  }

  /** @param isBought  what its own rate does not pay is asked of the store */
  #payBack(key: DeskKey, nowUs: number, isBought: boolean): void {
    key.bucket.payBack(nowUs);
    const { owed } = key.bucket;
    if (owed === 0) return void this.#owing.delete(key);
    if (!isBought || !key.kept.holder.mayWait(nowUs)) return;
    key.kept.waitingCount = Math.max(key.kept.waitingCount, owed);
    this.keeper.starve(key.kept);
  }

  /** Without a store, the instance's part of the limit, where it says so. */
  #fallBack({ kept, limit, idleRounds }: DeskKey, nowUs: number): void {
    if (idleRounds >= FALL_BACK_ROUNDS_MAX || this.#limits.get(limit)?.onStoreLoss !== 'local-share') return;
    kept.holder.fallBack(nowUs, this.keeper.instanceCount, this.keeper.seenUs(kept));
  }

  /** Tell the workers what a request that finds nothing is to do, so that it need not ask. */
  #announce({ kept, bucket, limit }: DeskKey, nowUs: number): void {
    const { holder } = kept;
    // In a crowd, or with as many requests to the store as there may be: as things are at the next tick.
    const notBeforeUs = holder.mayWait(nowUs) ? 0 : Math.max(holder.notBeforeUs, nowUs + POLL_INTERVAL_US);
    const onStoreLoss = this.#limits.get(limit)?.onStoreLoss;
    const isLost = holder.outcome === 'failed' || holder.outcome === 'recovering';
    let loss: LeaseLoss = LeaseLoss.NONE;
    if (isLost && onStoreLoss === 'open') loss = LeaseLoss.ADMIT;
    // What is held is a limit like any other, as long as it lasts.
    else if (isLost && !holder.isLeased(nowUs)) loss = LeaseLoss.REFUSE;
    this.#options.table.announce(bucket.slot, notBeforeUs, loss);
  }
}

/** Nanotokens per second. */
function limitRate({ tokensPerSecond }: ClusterLimitDefinition): number {
  return Math.floor(tokensPerSecond * TOKEN);
}

function limitBurst({ burst }: ClusterLimitDefinition): number {
  return burst * TOKEN;
}

/** The same on every instance. */
function limitName(idLow: number, idHigh: number): string {
  return hex(idHigh) + hex(idLow);
}

function hex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, '0');
}

function keyName(low: number, high: number): string {
  return `${low} ${high}`;
}

// The ledger in Redis, one for all instances. A delta goes into a stream, whichever instance it is of; a consumer group rolls it up.
//
//   shared memory ─▶ delta ─▶ parts ─┬─────────────▶ stream ─▶ minute, hour, day, month
//                                    └▶ outbox on disk ─┘ once Redis takes it
//
// Invariants: a part counts once, however often it is sent (`usage-deposit`), and an entry once, however often it is delivered
// (`usage-add`). Parts of an instance arrive in their order: while some wait in the outbox, those after them go there too.

import type { UsageRetention } from '../../../config/config.ts';
import { RESOLUTIONS, type Resolution, stepStart } from '../calendar.ts';
import type { UsageDelta } from '../usage-delta.ts';
import type { StoredUsage, StoreReport, UsageStore } from '../usage-store.ts';
import { ledgerKeys } from './ledger-keys.ts';
import { LedgerRedis } from './ledger-redis.ts';
import { ledgerScripts } from './ledger-scripts.ts';
import { Outbox } from './outbox.ts';
import { PacketSender } from './packet-sender.ts';
import { ROLL_UP_GROUP, RollUp } from './roll-up.ts';
import { readSteps } from './step-reader.ts';
import { packetsOf, type UsagePacket } from './usage-packet.ts';

export interface RedisStoreOptions {
  /** Of Redis, a secret. */
  readonly url: string;
  /** The data folder, for the outbox. */
  readonly folder: string;
  /** Of this process, among those that roll up. */
  readonly consumer: string;
  /** Entries of the stream at most. */
  readonly streamMax?: number;
  readonly outboxBytesMax?: number;
  /** How long entries wait for others with the same rows, to be added up with them. */
  readonly gatherMs?: number;
}

// Some 2.5 KB each with 16 rows in it: 40 MB of Redis, and what ten instances with 500 rows at a time hand in within 16 s.
const STREAM_ENTRIES_MAX = 16_384;
// Callers of now are callers of a moment ago, on other instances too: a second of them costs Redis what a third of one does.
const GATHER_MS = 1_000;
// A task is one of many on its thread: those behind it wait for so long at most.
const SLICE_MS = 100;
const CONSUMER_GONE_MS = 3_600_000;
const DROPPED_AT_ONCE = 100;
const MINUTE_MS = 60_000;

export class RedisStore implements UsageStore {
  readonly #options: RedisStoreOptions;
  readonly #redis: LedgerRedis;
  readonly #sender: PacketSender;
  readonly #rollUp: RollUp;
  #outbox: Outbox | undefined;
  #prunedMinute = 0;

  constructor(options: RedisStoreOptions) {
    this.#options = options;
    this.#redis = new LedgerRedis(options.url);
    this.#sender = new PacketSender(this.#redis, options.streamMax ?? STREAM_ENTRIES_MAX);
    this.#rollUp = new RollUp(this.#redis, options.consumer, options.gatherMs ?? GATHER_MS);
  }

  async apply(delta: UsageDelta): Promise<boolean> {
    const packets = packetsOf(delta);
    const outbox = this.#openOutbox();
    let arrived = 0;
    let isNew = packets.length === 0;
    for (let isOpen = (await this.#drain()) === 'empty'; isOpen && arrived < packets.length; ) {
      const sent = await this.#sender.send(packets[arrived] as UsagePacket, false);
      if (sent === 'missing') throw new Error(`a delta of ${delta.instance} is missing before ${delta.sequence}`);
      isOpen = sent !== 'refused';
      isNew ||= sent !== 'known';
      if (isOpen) arrived++;
    }
    if (arrived < packets.length) outbox.push(packets.slice(arrived));
    return isNew;
  }

  async maintain(retention: UsageRetention, nowMinute: number): Promise<boolean> {
    this.#openOutbox();
    const isMoreHere = (await this.#drain()) === 'more';
    if (!(await this.#redis.isReady())) return false;
    if ((await this.#rollUp.run(retention, SLICE_MS)) || isMoreHere) return true;
    if (this.#prunedMinute === nowMinute) return false;
    // Once a minute, and on, until nothing old is left.
    if (await this.#prune(retention, nowMinute)) return true;
    await this.#forgetConsumers('');
    this.#prunedMinute = nowMinute;
    return false;
  }

  async read(resolution: Resolution, from: number, to: number, take: (row: StoredUsage) => boolean): Promise<void> {
    await this.#redis.isReady();
    return readSteps(this.#redis, resolution, from, to, take);
  }

  report(): StoreReport {
    const outbox = this.#outbox?.counts();
    return {
      trouble: this.#redis.trouble,
      streamEntries: this.#rollUp.streamEntries,
      lagMs: this.#rollUp.lagMs,
      outboxPackets: outbox?.packets ?? 0,
      outboxBytes: outbox?.bytes ?? 0,
      missingDeltas: this.#sender.missingDeltas,
    };
  }

  async close(): Promise<void> {
    // Its consumer has nothing left, or another one takes that over.
    if (this.#outbox !== undefined && this.#redis.trouble === undefined) {
      await this.#forgetConsumers(this.#options.consumer);
    }
    this.#redis.close();
    await this.#outbox?.close();
    this.#outbox = undefined;
  }

  /**
   * Send what waits on disk, and what a server lacks that came back.
   * @returns empty: what is new may go to Redis; shut: Redis takes nothing; more: there was not the time for all of it
   */
  async #drain(): Promise<'empty' | 'shut' | 'more'> {
    if (!(await this.#redis.isReady()) || !(await this.#sender.catchUp())) return 'shut';
    const outbox = this.#openOutbox();
    for (const untilMs = performance.now() + SLICE_MS; performance.now() < untilMs; ) {
      const oldest = outbox.first();
      if (oldest === undefined) return 'empty';
      if ((await this.#sender.send(oldest.packet, true)) === 'refused') return 'shut';
      outbox.remove(oldest.key);
    }
    return 'more';
  }

  /** Delete steps that are older than they have to be kept. @returns whether there may be more */
  async #prune(retention: UsageRetention, nowMinute: number): Promise<boolean> {
    let isMore = false;
    for (const resolution of RESOLUTIONS) {
      const until = stepStart(resolution, nowMinute - retention[`${resolution}Ms`] / MINUTE_MS);
      const list = ledgerKeys.steps(resolution);
      const reply = await this.#redis.run(ledgerScripts.steps, [list], [0, until, DROPPED_AT_ONCE]);
      if (!reply.ok) return false;
      const steps = (reply.value as readonly string[]).map(Number);
      isMore ||= steps.length === DROPPED_AT_ONCE;
      const keys = [list, ...steps.map((start) => ledgerKeys.rows(resolution, start))];
      if (steps.length > 0) await this.#redis.run(ledgerScripts.drop, keys, steps);
    }
    return isMore;
  }

  async #forgetConsumers(leaving: string): Promise<void> {
    await this.#redis.run(ledgerScripts.forget, [ledgerKeys.deltas], [ROLL_UP_GROUP, leaving, CONSUMER_GONE_MS]);
  }

  /** @throws {Error} it cannot be used: nothing is taken then, since it would have nowhere to go when Redis goes */
  #openOutbox(): Outbox {
    this.#outbox ??= Outbox.open(this.#options.folder, this.#options.outboxBytesMax);
    return this.#outbox;
  }
}

// Sends parts of deltas to Redis, each instance's in their order.
//
// A server that comes back, or another one after a failover, may lack what its file or its replica was behind by. So what it took in the
// last seconds is kept, and sent again to a server with another id, before anything else. It takes what it does not have.

import { ledgerKeys } from './ledger-keys.ts';
import type { LedgerRedis } from './ledger-redis.ts';
import { Deposit, ledgerScripts, PARTS_MAX } from './ledger-scripts.ts';
import type { UsagePacket } from './usage-packet.ts';

/**
 * - added, known: Redis has it, since now or before
 * - missing: another one has to come before it; nothing has changed
 * - refused: Redis does not answer, or has no room, for now; it may be there all the same
 */
export type Sent = 'added' | 'known' | 'missing' | 'refused';

// An instance that has written nothing for so long is gone, and so is what it may have had on its way.
const APPLIED_SECONDS = 7 * 86_400;
// An append-only file that is written each second may lack two (Redis's own words), and a replica that lags for longer is none to fail over to.
const RECENT_MS = 5_000;
const RECENT_PACKETS_MAX = 128;

export class PacketSender {
  readonly #redis: LedgerRedis;
  readonly #streamMax: number;
  /** The newest last. */
  #recent: { readonly packet: UsagePacket; readonly sentMs: number }[] = [];
  /** Of the server that has all of them. */
  #serverId = '';
  /** Of each instance, the last sequence that was sent from here. */
  readonly #sent = new Map<string, number>();
  #missing = 0;

  /** @param streamMax  entries of the stream at most, of all instances */
  constructor(redis: LedgerRedis, streamMax: number) {
    this.#redis = redis;
    this.#streamMax = streamMax;
  }

  /** Deltas that Redis took once, and does not have any more. */
  get missingDeltas(): number {
    return this.#missing;
  }

  /** Send what a server lacks that came back without its latest. @returns whether it has all of it */
  async catchUp(): Promise<boolean> {
    const { serverId } = this.#redis;
    if (serverId === this.#serverId) return true;
    if (serverId === '') return false;
    for (const { packet } of this.#recent) {
      if ((await this.#deposit(packet, true)) === 'refused') return false;
    }
    this.#serverId = serverId;
    return true;
  }

  /** @param skips  whatever is missing before it */
  async send(packet: UsagePacket, skips: boolean): Promise<Sent> {
    if (!(await this.catchUp())) return 'refused';
    const { instance, sequence } = packet;
    // What comes before it was there: the server has lost it, and has been sent what there is of it.
    const sent = await this.#deposit(packet, skips || (this.#sent.get(instance) ?? 0) >= sequence - 1);
    if (sent === 'added' || sent === 'known') this.#sent.set(instance, sequence);
    if (sent === 'added') this.#remember(packet);
    return sent;
  }

  async #deposit(packet: UsagePacket, skips: boolean): Promise<Sent> {
    const { instance, sequence, part, entries } = packet;
    const keys = [ledgerKeys.applied(instance), ledgerKeys.deltas];
    const ask = (force: 0 | 1) =>
      this.#redis.run(ledgerScripts.deposit, keys, [
        sequence,
        part,
        force,
        this.#streamMax,
        APPLIED_SECONDS,
        ...entries,
      ]);
    let reply = await ask(0);
    if (!reply.ok) return 'refused';
    const [outcome, last] = reply.value as [number, number];
    if (outcome === Deposit.MISSING && skips) {
      reply = await ask(1);
      if (!reply.ok || (reply.value as [number])[0] === Deposit.FULL) return 'refused';
      this.#missing += Math.max(1, sequence - 1 - Math.floor(last / PARTS_MAX));
      return 'added';
    }
    if (outcome === Deposit.MISSING) return 'missing';
    if (outcome === Deposit.FULL) return 'refused';
    return outcome === Deposit.ADDED ? 'added' : 'known';
  }

  #remember(packet: UsagePacket): void {
    const sentMs = performance.now();
    // Not by the time that has passed since: while Redis is away, the last seconds before it went are what counts.
    this.#recent = [
      ...this.#recent.filter((each) => sentMs - each.sentMs < RECENT_MS).slice(1 - RECENT_PACKETS_MAX),
      { packet, sentMs },
    ];
  }
}

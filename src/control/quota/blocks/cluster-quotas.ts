// Quotas over instances, from the connection to the counters: what the main thread starts, asks and ends, and what it says of
// them in the log.

import { join } from 'node:path';
import type { Clock } from '../../../base/clock.ts';
import type { Log } from '../../log.ts';
import { STORE_PREFIX } from '../../redis/store-prefix.ts';
import type { StoreState } from '../../redis/store-state.ts';
import { NEVER_MS } from '../calendar-window.ts';
import { HeldStore } from '../durable/held-store.ts';
import type { CountedWindow, NoAnswer, QuotaCounters, ReturnedBlock, Taken } from '../quota-counters.ts';
import { BlockCounters, type BlockStatus } from './block-counters.ts';
import { RedisBlockStore } from './block-store.ts';

const REOPEN_MS = 5_000;
// As long as instances may try to do it.
const CLAIM_KEPT_MS = 172_800_000;

export interface ClusterQuotasOptions {
  /** Of Redis, a secret. */
  readonly url: string;
  /** gateway.data: what this instance has had lies below. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Redis answers again. */
  readonly onUp: () => void;
}

export class ClusterQuotas implements QuotaCounters {
  readonly isShared = true;
  readonly #options: ClusterQuotasOptions;
  readonly #store: RedisBlockStore;
  #counters: BlockCounters | undefined;
  #opening: Promise<void> | undefined;
  #openedMs = 0;
  #hasSaidAway = false;
  #hasSaidBroken = false;

  constructor(options: ClusterQuotasOptions) {
    this.#options = options;
    this.#store = new RedisBlockStore(options.url, STORE_PREFIX, (state) => this.#onState(state));
  }

  async take(window: CountedWindow, wanted: number): Promise<Taken | NoAnswer> {
    return this.#counters === undefined ? 'away' : this.#counters.take(window, wanted);
  }

  async giveBack(blocks: readonly ReturnedBlock[]): Promise<void> {
    await this.#counters?.giveBack(blocks);
  }

  tick(nowMs: number): void {
    if (this.#counters !== undefined) this.#counters.tick(nowMs);
    else if (this.#opening === undefined && Math.abs(nowMs - this.#openedMs) >= REOPEN_MS) {
      this.#openedMs = nowMs;
      void this.open();
    }
  }

  /** Read what the former lives have had. A folder that cannot be used is tried again. */
  open(): Promise<void> {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /** undefined: the data folder cannot be used. */
  status(): BlockStatus | undefined {
    return this.#counters?.status();
  }

  /** Something that one instance does for all: whether it is this owner. @returns undefined: not known */
  claim(name: string, owner: string, endMs: number): Promise<boolean | undefined> {
    return this.#store.claim(name, owner, endMs >= NEVER_MS ? 0 : endMs + CLAIM_KEPT_MS);
  }

  async close(): Promise<void> {
    await this.#opening;
    await this.#counters?.close();
    this.#store.close();
  }

  async #open(): Promise<void> {
    const { folder, clock, log } = this.#options;
    try {
      const held = await HeldStore.open(join(folder, 'quotas-held'));
      this.#counters = new BlockCounters({ store: this.#store, held, clock, log });
      if (this.#hasSaidBroken) log('info', 'quotas over the cluster: the data folder can be used again');
      this.#hasSaidBroken = false;
    } catch (error) {
      if (this.#hasSaidBroken) return;
      this.#hasSaidBroken = true;
      const why = error instanceof Error ? error.message : String(error);
      log('error', `quotas over the cluster cannot keep what they take, and do what onStoreLoss says: ${why}`);
    }
  }

  #onState({ status, error }: StoreState): void {
    const { log, onUp } = this.#options;
    if (status === 'up') {
      if (this.#hasSaidAway) log('info', 'quotas over the cluster: Redis answers again');
      this.#hasSaidAway = false;
      onUp();
      return;
    }
    // Where there are no quotas, the leases' word is enough.
    if (status !== 'failing' || this.#hasSaidAway || (this.#counters?.status().windows ?? 0) === 0) return;
    this.#hasSaidAway = true;
    const why = error === undefined ? '' : ` (${error.kind}: ${error.message})`;
    log(
      'warn',
      `Redis does not answer${why}: quotas over the cluster spend what is held, then do what onStoreLoss says`,
    );
  }
}

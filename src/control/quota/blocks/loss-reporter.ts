// Notices a store that has lost its data, or may have (another marker than the one that has heard of all), and tells it what this
// instance's lives have had: all that is on disk, whether its quotas are in use now or not. At a start as well: the loss may
// have been while nobody ran here. While there are more to tell, the store is held.

import type { Log } from '../../log.ts';
import type { HeldTotal, HeldTotals } from '../durable/held-store.ts';
import type { BlockStore } from './block-store.ts';

/** A marker that is new is noticed well within REBUILD_US; a server that is another one at once, as its connection is. */
const LOOK_MS = 1_000;
// Reported at once; the store answers them in one go, and the main thread is busy for a millisecond.
const BATCH_COUNT = 64;

export interface LossReporterOptions {
  readonly store: BlockStore;
  readonly held: HeldTotals;
  /** Resolves when every grant that was answered so far is on disk. */
  readonly settle: () => Promise<unknown>;
  /** @returns whether the store has heard it */
  readonly report: (total: HeldTotal, holds: boolean) => Promise<boolean>;
  readonly log: Log;
}

export class LossReporter {
  readonly #options: LossReporterOptions;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #isLooking = false;
  /** Losses that were answered with reports. */
  lossCount = 0;
  reportCount = 0;

  constructor(options: LossReporterOptions) {
    this.#options = options;
  }

  /** @param nowMs  since 1970 @throws when the disk fails */
  async look(nowMs: number): Promise<void> {
    if (this.#isLooking || (nowMs < this.#lookedMs + LOOK_MS && nowMs >= this.#lookedMs)) return;
    this.#isLooking = true;
    this.#lookedMs = nowMs;
    try {
      const { store, held } = this.#options;
      const marker = store.isUp ? await store.marker() : undefined;
      const isKnown = marker?.ok === true;
      if (isKnown && marker.value !== held.marker) await this.#reportAll(marker.value, nowMs);
      // Again with the next tick: three seconds are not long.
      if (!isKnown || marker.value !== held.marker) this.#lookedMs = Number.NEGATIVE_INFINITY;
    } finally {
      this.#isLooking = false;
    }
  }

  async #reportAll(marker: string, nowMs: number): Promise<void> {
    const { held, settle, report, log } = this.#options;
    // What the store granted before it lost its data was answered before the marker was; it is on its way to the disk.
    await settle();
    let count = 0;
    for (let batch = held.list('', BATCH_COUNT); batch.length > 0; ) {
      const next = held.list(batch.at(-1)?.key as string, BATCH_COUNT);
      const live = batch.filter(({ endMs, total }) => endMs > nowMs && total > 0);
      const areHeard = await Promise.all(live.map((total) => report(total, next.length > 0)));
      // From the beginning, at the next look: what was heard does no harm twice.
      if (areHeard.includes(false)) return;
      count += live.length;
      batch = next;
    }
    if (held.marker !== '') {
      const what = `${count} counters of this instance were reported`;
      log(
        'warn',
        `quotas over the cluster: Redis has restarted, or lost its data; ${what}, and no blocks are given for 3 s`,
      );
      this.lossCount++;
    }
    this.reportCount += count;
    await held.settle(marker);
  }
}

// The one shape of what counts quotas: the keeper takes blocks from it, ahead of their use. In one node it is LMDB
// (durable/quota-store.ts), over instances Redis (blocks/block-counters.ts).

export interface CountedWindow {
  /** Of the quota, the consumer and the window. */
  readonly id: string;
  /** Requests. */
  readonly max: number;
  /** Milliseconds since 1970. */
  readonly endMs: number;
}

export interface Taken {
  readonly granted: number;
  /** What can still be taken afterwards. */
  readonly left: number;
}

/**
 * - late: there was no answer in time; it is asked again with the next need
 * - away: the counters cannot be asked for now: whoever needs one takes the way out at once
 */
export type NoAnswer = 'late' | 'away';

export interface ReturnedBlock {
  readonly id: string;
  readonly count: number;
}

export interface QuotaCounters {
  /** Others take from them, too: what lies idle goes back, and what was used up is asked for again. */
  readonly isShared: boolean;
  /** @param wanted  requests; fewer are granted as the end comes near @throws when the disk fails */
  take(window: CountedWindow, wanted: number): Promise<Taken | NoAnswer>;
  /** What was granted and is not going to be used. @throws when the disk fails */
  giveBack(blocks: readonly ReturnedBlock[]): Promise<void>;
  /** Every 100 ms. @param nowMs  since 1970 */
  tick(nowMs: number): void;
  close(): Promise<void>;
}

// What a slot upstream says of itself.

export interface SlotStats {
  readonly answered: number;
  /** Requests whose client had gone before the answer. */
  readonly abandoned: number;
  /** From a request's arrival to its answer, the wait for a slot included; 0 when nothing was answered. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The most requests that waited for a slot at once. */
  readonly queueLengthMax: number;
}

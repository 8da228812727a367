// Where a call to an upstream stands.

export const CallStage = {
  /** A try is under way, or about to be. */
  TRYING: 0,
  /** An answer is read and dropped; then comes another try, or the fallback. */
  DROPPING: 1,
  /** Until the next try. */
  WAITING: 2,
} as const;
export type CallStage = (typeof CallStage)[keyof typeof CallStage];

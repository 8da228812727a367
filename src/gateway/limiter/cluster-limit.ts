// Limits that all instances share, as compiler, main thread and requests know them.

/** What a request is to do where the store cannot be asked: run with the instance's part, pass, or be refused. */
export type OnStoreLoss = 'local-share' | 'open' | 'closed';

/** What a request needs beside the limit's own plan. */
export interface ClusterPlan {
  /** Of all instances together. */
  readonly burst: number;
  readonly onStoreLoss: OnStoreLoss;
  /** Requests that each instance may admit on credit while it asks the store; 0: none. The bound is so much higher for each. */
  readonly relaxed: number;
}

/** What the main thread needs to lease shares. */
export interface ClusterLimitDefinition extends ClusterPlan {
  /** The same on every instance, and after a reload. */
  readonly idLow: number;
  readonly idHigh: number;
  readonly tokensPerSecond: number;
}

// What is known of a store, or of one of its servers, without asking it.

import type { StoreError } from './store-error.ts';

/**
 * - up: commands are answered
 * - failing: not connected, or connected to a server that does not answer, or may not write; being tried on
 * - closed: for good, by close()
 */
export type StoreStatus = 'up' | 'failing' | 'closed';

export interface StoreState {
  /** Of a cluster: up while any of its masters is. */
  readonly status: StoreStatus;
  /** Date.now() when the status became this. */
  readonly sinceMs: number;
  /**
   * The last error that made it fail; undefined before the first attempt has ended. While a cluster is up, why some of its masters
   * are not.
   */
  readonly error: StoreError | undefined;
  /** Masters of a cluster that do not answer, while it is up: their keys have no answers, the others do. */
  readonly downCount: number;
}

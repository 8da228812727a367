// A limit is counted in this node, or over all instances: whoever asks it need not know.

import type { SharedMemory } from '../../shm/shared-memory.ts';
import type { KeyLimitPlan } from '../limiter/limit-plans.ts';
import type { LiveSnapshot } from '../live-snapshot.ts';
import { ClusterKeyLimit } from './cluster-key-limit.ts';
import { KeyLimit } from './key-limit.ts';

export type AnyKeyLimit = KeyLimit | ClusterKeyLimit;

/** @param isListed  in the RateLimit-Policy of each of the route's answers */
export function prepareKeyLimit(
  plan: KeyLimitPlan,
  isListed: boolean,
  snapshot: LiveSnapshot,
  shm: SharedMemory,
): AnyKeyLimit {
  if (plan.cluster !== undefined) return new ClusterKeyLimit(plan, plan.cluster, isListed, shm);
  return new KeyLimit(plan, isListed, snapshot, shm);
}

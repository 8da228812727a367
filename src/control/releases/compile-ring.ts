// The ring of consistent hashing (gateway/upstream/balancers/hash-ring.ts), made once per snapshot: points that hang on the targets'
// names alone, so that a target keeps its own whatever comes and goes beside it.

import { SeededHash } from '../../base/hash.ts';
import type { HashKey, RingPlan } from '../../gateway/snapshot.ts';

// 160 points a target, ketama's number: shares differ by some 8 %, and the loads' bound evens that out.
const POINTS_PER_WEIGHT = 160;
// 5 bytes each: 320 KiB.
const POINTS_MAX = 65_536;
// "targ" and "ring".
const POINT_SEED_LOW = 0x74617267;
const POINT_SEED_HIGH = 0x72696e67;

/** @param targets  at most 256 */
export function compileRing(
  key: HashKey,
  targets: readonly { readonly name: string; readonly weight: number }[],
): RingPlan {
  const weights = targets.reduce((sum, { weight }) => sum + weight, 0);
  const perWeight = Math.min(POINTS_PER_WEIGHT, POINTS_MAX / weights);
  const hash = new SeededHash(POINT_SEED_LOW, POINT_SEED_HIGH);
  const counts = targets.map(({ weight }) => Math.max(1, Math.round(weight * perWeight)));
  // A point is its hash with its owner below it: one sort of numbers for both.
  const keyed = new Float64Array(counts.reduce((sum, count) => sum + count, 0));
  let next = 0;
  counts.forEach((count, ordinal) => {
    for (let point = 0; point < count; point++) {
      hash.hash(point, 0, (targets[ordinal] as { readonly name: string }).name);
      keyed[next++] = (hash.low >>> 0) * 256 + ordinal;
    }
  });
  keyed.sort();
  const points = Uint32Array.from(keyed, (each) => Math.floor(each / 256));
  return { key, points: new Uint8Array(points.buffer), owners: Uint8Array.from(keyed, (each) => each % 256) };
}
